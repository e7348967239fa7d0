// receiver: something to send to. It is busy at each first attempt, takes what
// comes again, and refuses what has no amount.

import { createServer } from 'node:http';

const seen = new Set();

createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  const key = request.headers['idempotency-key'];
  const first = !seen.has(key);
  seen.add(key);
  if (JSON.parse(body).amount === undefined) response.statusCode = 422;
  else if (first) response.statusCode = 503;
  console.log(response.statusCode, key, body);
  response.end(response.statusCode === 422 ? 'amount is missing' : '');
}).listen(Number(process.argv[2]), '127.0.0.1');
