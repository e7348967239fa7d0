'use strict';
// this.hub against a real HTTP server on a Unix socket.

const { test } = require('node:test');
const assert = require('node:assert');
const http = require('node:http');
const path = require('node:path');
const { once } = require('node:events');
const { Readable } = require('node:stream');
const { Hub } = require('./hub');
const { Client, HostClient, ClientError, SequenceClient, InstanceClient } = require('../hub');

// serve answers with `answer(request, body)`: [status, value] or a function of
// the response; it records what was asked.
async function serve(t, answer) {
  const hub = await Hub.start(t);
  const asked = [];
  const server = http.createServer(async (request, response) => {
    const { method, url, headers } = request;
    const entry = { method, url, headers };
    asked.push(entry);
    if (answer.early) return answer(request, response);
    let body = '';
    for await (const chunk of request) body += chunk;
    entry.body = body;
    const [status, value] = answer(request, body) || [200, {}];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof value === 'string' || value === undefined ? value : JSON.stringify(value));
  });
  const socket = path.join(hub.dir, 'api');
  server.listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const api = { socket, base: 'http://hub/api/v1', token: 'secret' };
  return { hub, api, asked, server, host: new HostClient(new Client(api)) };
}

// Each row: call, method, path, headers (in part), body.
const CALLS = [
  [(h) => h.listSequences(), 'GET', 'sequences'],
  [(h) => h.listInstances(), 'GET', 'instances'],
  [(h) => h.listEntities(), 'GET', 'entities'],
  [(h) => h.getAuditStream(), 'GET', 'audit', { 'content-type': 'application/octet-stream' }],
  [(h) => h.getLogStream(), 'GET', 'log', { 'content-type': 'application/octet-stream' }],
  [(h) => h.sendSequence(Readable.from([Buffer.from('tar')])), 'POST', 'sequence', { 'content-type': 'application/octet-stream' }, 'tar'],
  [(h) => h.getSequence('a/b'), 'GET', 'sequence/a%2Fb'],
  [(h) => h.deleteSequence('s'), 'DELETE', 'sequence/s', { 'content-type': 'application/json', 'x-seq-kill-inst': undefined }],
  [(h) => h.deleteSequence('s', { force: true }), 'DELETE', 'sequence/s', { 'x-seq-kill-inst': 'true' }],
  [(h) => h.getInstanceInfo('i'), 'GET', 'instance/i'],
  [(h) => h.getLoadCheck(), 'GET', 'load-check'],
  [(h) => h.getVersion(), 'GET', 'version'],
  [(h) => h.getStatus(), 'GET', 'status'],
  [(h) => h.getConfig(), 'GET', 'config'],
  [(h) => h.sendTopic('t', Readable.from(['{}\n'])), 'POST', 'topic/t', { 'content-type': 'application/x-ndjson', 'x-end-stream': undefined }, '{}\n'],
  [(h) => h.sendNamedData('t', 'text', { headers: { 'X-Own': '1' } }, 'text/plain', true), 'POST', 'topic/t', { 'content-type': 'text/plain', 'x-end-stream': 'true', 'x-own': '1' }, 'text'],
  [(h) => h.sendTopic('t', Readable.from([{ a: 1 }, { a: 2 }])), 'POST', 'topic/t', {}, '{"a":1}\n{"a":2}\n'],
  [(h) => h.getTopic('t'), 'GET', 'topic/t', { 'content-type': 'application/x-ndjson' }],
  [(h) => h.getNamedData('t', {}, 'text/plain'), 'GET', 'topic/t', { 'content-type': 'text/plain' }],
  [(h) => h.createTopic('t', 'text/plain'), 'POST', 'topics', { 'content-type': 'application/json' }, '{"id":"t","content-type":"text/plain"}'],
  [(h) => h.deleteTopic('t'), 'DELETE', 'topics/t'],
  [(h) => h.getTopics(), 'GET', 'topics'],
  [(h) => h.getSequenceClient('s').start({ args: [1] }), 'POST', 'sequence/s/start', { 'content-type': 'application/json' }, '{"args":[1]}'],
  [(h) => h.getSequenceClient('s').start(), 'POST', 'sequence/s/start', {}, '{}'],
  [(h) => h.getSequenceClient('s').listInstances(), 'GET', 'sequence/s/instances'],
  [(h) => h.getSequenceClient('s').getInfo(), 'GET', 'sequence/s'],
  [(h) => h.getSequenceClient('s').overwrite(Readable.from(['tar'])), 'PUT', 'sequence/s', { 'content-type': 'application/octet-stream' }, 'tar'],
  [(h) => h.getInstanceClient('i').stop(500, true), 'POST', 'instance/i/_stop', {}, '{"timeout":500,"canCallKeepalive":true}'],
  [(h) => h.getInstanceClient('i').stop(), 'POST', 'instance/i/_stop', {}, '{}'],
  [(h) => h.getInstanceClient('i').kill(), 'POST', 'instance/i/_kill', {}, '{"removeImmediately":false}'],
  [(h) => h.getInstanceClient('i').kill({ removeImmediately: true }), 'POST', 'instance/i/_kill', {}, '{"removeImmediately":true}'],
  [(h) => h.getInstanceClient('i').sendEvent('e', { m: 1 }), 'POST', 'instance/i/_event', {}, '[5001,{"eventName":"e","message":{"m":1}}]'],
  [(h) => h.getInstanceClient('i').getNextEvent('e'), 'GET', 'instance/i/once/e'],
  [(h) => h.getInstanceClient('i').getEvent('e'), 'GET', 'instance/i/event/e'],
  [(h) => h.getInstanceClient('i').getEventStream('e'), 'GET', 'instance/i/events/e'],
  [(h) => h.getInstanceClient('i').getHealth(), 'GET', 'instance/i/health'],
  [(h) => h.getInstanceClient('i').getInfo(), 'GET', 'instance/i'],
  [(h) => h.getInstanceClient('i').getStream('stdout'), 'GET', 'instance/i/stdout'],
  [(h) => h.getInstanceClient('i').getLogStream(), 'GET', 'instance/i/log'],
  [(h) => h.getInstanceClient('i').sendInput(['a', 'b'], {}, { type: 'text/plain', end: false }), 'POST', 'instance/i/input', { 'content-type': 'text/plain', 'x-end-stream': 'false' }, 'ab'],
  [(h) => h.getInstanceClient('i').sendStdin('typed'), 'POST', 'instance/i/stdin', { 'content-type': 'application/octet-stream' }, 'typed'],
  [(h) => h.getInstanceClient('i').sendStream('input', Buffer.from('b')), 'POST', 'instance/i/input', {}, 'b'],
  [(h) => h.getInstanceClient('i').inout('x', {}, { type: 'text/plain' }), 'POST', 'instance/i/inout', { 'content-type': 'text/plain' }, 'x'],
];

test('every call asks what Scramjet\'s clients ask', async (t) => {
  const { host, asked } = await serve(t, () => [200, { id: 'new-id' }]);
  for (const [call, method, url, headers = {}, body = ''] of CALLS) {
    await t.test(call.toString(), async () => {
      asked.length = 0;
      const answer = await call(host);
      if (answer instanceof Readable) answer.resume();
      const [request] = asked;
      assert.strictEqual(asked.length, 1);
      assert.strictEqual(request.method, method);
      assert.strictEqual(request.url, `/api/v1/${url}`);
      assert.strictEqual(request.headers.authorization, 'Bearer secret');
      assert.strictEqual(request.headers.host, 'hub');
      for (const [name, value] of Object.entries(headers)) assert.strictEqual(request.headers[name], value, name);
      assert.strictEqual(request.body, body);
    });
  }
});

test('answers become clients and values', async (t) => {
  const { host } = await serve(t, (request) => {
    if (request.url.endsWith('/sequences')) return [200, [{ id: '1', name: 'x' }, { id: '2', config: { name: 'x' } }, { id: '3', config: { name: 'y' } }]];
    if (request.url.endsWith('/health')) return [200, '']; // numbers and {} come as nothing
    return [200, { id: 'new-id' }];
  });
  assert.deepStrictEqual(await host.getSequenceId('x'), ['1', '2']);
  const sequence = await host.sendSequence(Readable.from(['tar']));
  assert.ok(sequence instanceof SequenceClient);
  assert.strictEqual(sequence.id, 'new-id');
  const instance = await sequence.start({});
  assert.ok(instance instanceof InstanceClient);
  assert.strictEqual(instance.id, 'new-id');
  assert.strictEqual((await sequence.getInstance('other')).id, 'other');
  assert.strictEqual(await instance.getHealth(), undefined);
  assert.throws(() => host.getInstanceClient(''), /no id/);
});

test('errors carry code, status, message and body', async (t) => {
  const answers = {
    400: 'BAD_PARAMETERS', 401: 'NEED_AUTHENTICATION', 403: 'NOT_AUTHORIZED', 404: 'NOT_FOUND', 410: 'GONE', 409: 'REQUEST_ERROR',
    419: 'INSUFFICIENT_RESOURCES', 422: 'UNPROCESSABLE_ENTITY', 500: 'SERVER_ERROR', 507: 'SERVER_ERROR',
  };
  let status;
  const { host } = await serve(t, () => [status, { error: `it is ${status}` }]);
  for (const [number, code] of Object.entries(answers)) {
    status = Number(number);
    const err = await host.getSequenceClient('s').start().catch((e) => e);
    assert.ok(err instanceof ClientError && err instanceof Error);
    assert.strictEqual(err.code, code);
    assert.strictEqual(err.status, number);
    assert.match(err.message, new RegExp(`POST /api/v1/sequence/s/start: ${number} it is ${number}`));
    assert.deepStrictEqual(await err.toJSON(), { error: `it is ${number}` });
  }
});

test('nobody there, and an aborted call', async (t) => {
  const { api } = await serve(t, () => [200, {}]);
  const nobody = new HostClient(new Client({ ...api, socket: `${api.socket}-none` }));
  const err = await nobody.getVersion().catch((e) => e);
  assert.strictEqual(err.code, 'CANNOT_CONNECT');
  assert.strictEqual(err.status, undefined);
  assert.strictEqual(err.reason.code, 'ENOENT');
  const host = new HostClient(new Client(api));
  const aborted = await host.getLogStream({ signal: AbortSignal.abort() }).catch((e) => e);
  assert.strictEqual(aborted.reason.name, 'AbortError');
});

test('streams flow both ways at once', async (t) => {
  const answer = (request, response) => {
    response.writeHead(200);
    response.flushHeaders();
    request.on('data', (chunk) => response.write(chunk.toString().toUpperCase()));
    request.on('end', () => response.end());
  };
  answer.early = true;
  const { host } = await serve(t, answer);
  const input = new Readable({ read() {} });
  const output = await host.getInstanceClient('i').inout(input, {}, { type: 'text/plain' });
  output.setEncoding('utf8');
  for (const word of ['one', 'two', 'three']) {
    input.push(word);
    assert.strictEqual((await once(output, 'data'))[0], word.toUpperCase());
  }
  input.push(null);
  await once(output.resume(), 'end');
});

test('a refusal comes at once although the body never ends', async (t) => {
  const answer = (request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":"Instance i not found"}');
  };
  answer.early = true;
  const { host, server } = await serve(t, answer);
  server.on('checkContinue', answer);
  const endless = new Readable({ read() { setImmediate(() => this.push('x'.repeat(1000))); } });
  const err = await host.getInstanceClient('i').sendInput(endless).catch((e) => e);
  assert.strictEqual(err.code, 'NOT_FOUND');
  assert.match(err.message, /Instance i not found/);
  endless.destroy();
});

test('a body that fails makes the call fail', async (t) => {
  const answer = (request) => request.on('error', () => {}).resume();
  answer.early = true;
  const { host } = await serve(t, answer);
  const broken = new Readable({ read() { this.destroy(new Error('no more')); } });
  const err = await host.sendTopic('t', broken).catch((e) => e);
  assert.match(err.message, /no more/);
});

test('a Hub without a Space says so', async (t) => {
  const { host } = await serve(t, () => [404, { error: 'this Hub is not connected to a Space' }]);
  const space = host.getManagerClient();
  assert.strictEqual(space.apiBase, '/api/v1/cpm/api/v1');
  for (const call of [() => space.getHosts(), () => space.getVersion(), () => space.getTopics(), () => space.sendNamedData('t', 'x'), () => space.deleteHub('h')]) {
    const err = await call().catch((e) => e);
    assert.strictEqual(err.code, 'NOT_FOUND');
    assert.match(err.message, /not connected to a Space/);
  }
});

test('the Space is called by way of the Hub', async (t) => {
  const { host, asked } = await serve(t, () => [200, {}]);
  const space = host.getManagerClient();
  await space.getHosts();
  await space.sendTopic('a/b', 'x\n');
  await space.getTopic('t');
  await space.getHostClient('other').getVersion();
  await space.deleteHub('h', true);
  assert.deepStrictEqual(asked.map((r) => `${r.method} ${r.url}`), [
    'GET /api/v1/cpm/api/v1/list', 'POST /api/v1/cpm/api/v1/topic/a%2Fb', 'GET /api/v1/cpm/api/v1/topic/t',
    'GET /api/v1/cpm/api/v1/sth/other/api/v1/version', 'DELETE /api/v1/cpm/api/v1/sth/h',
  ]);
});

test('a program uses its Hub and leaves afterwards', async (t) => {
  const { hub, api, asked } = await serve(t, (request) => (request.url.includes('/cpm/') ? [404, {}] : [200, request.url.endsWith('version') ? { version: '1.0.1' } : { id: 'started' }]));
  const instance = hub.run(`module.exports = async function () {
    const { version } = await this.hub.getVersion();
    const { id } = await this.hub.getSequenceClient('s').start({ appConfig: { a: 1 } });
    const space = await this.space.getHosts().catch((err) => err.code);
    return [version, id, space, this.hub === this.hub];
  }`, { api });
  assert.strictEqual(await instance.all(), '"1.0.1"\n"started"\n"NOT_FOUND"\ntrue\n');
  const begin = Date.now();
  assert.strictEqual(await instance.exited, 0);
  assert.ok(Date.now() - begin < 3000, 'kept connections do not keep it alive');
  assert.strictEqual(asked.length, 3);
});

test('a connection the Hub closed meanwhile is no error', async (t) => {
  const { host, server } = await serve(t, () => [200, { n: 1 }]);
  for (let i = 0; i < 20; i++) {
    assert.deepStrictEqual(await host.getVersion(), { n: 1 });
    server.closeIdleConnections();
  }
});
