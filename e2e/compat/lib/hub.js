'use strict';
// What the tests share: the Hub under test, packages, streams.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { HostClient } = require('@scramjet/api-client');

const url = process.env.HUB_URL;
const packages = process.env.PACKAGES;
if (!url || !packages) throw new Error('HUB_URL and PACKAGES are to be set: run "go test ./e2e/compat"');

const hub = new HostClient(url);

// packageOf is the package of a folder in sequences/, as a stream.
function packageOf(name) {
  return fs.createReadStream(path.join(packages, `${name}.tar.gz`));
}

// send uploads a package until the test ends.
async function send(t, name) {
  const sequence = await hub.sendSequence(packageOf(name));
  t.after(() => fetch(`${url}/sequence/${sequence.id}`, { method: 'DELETE', headers: { 'x-seq-kill-inst': 'true' } }));
  return sequence;
}

// launch uploads a package and starts it.
async function launch(t, name, payload = {}) {
  const sequence = await send(t, name);
  return sequence.start(payload);
}

// parts reads a stream. Who leaves early lets the rest run out: the client's
// streams are copies, and destroying one would leave its connection open.
async function* parts(stream) {
  try {
    yield* stream.iterator({ destroyOnReturn: false });
  } finally {
    stream.resume();
  }
}

// text reads a stream to its end.
async function text(stream) {
  const found = [];
  for await (const part of parts(stream)) found.push(part);
  return Buffer.concat(found).toString();
}

// values reads a stream of JSON lines, all of them or the first n.
async function values(stream, n = Infinity) {
  const found = [];
  let rest = '';
  for await (const part of parts(stream)) {
    const lines = (rest + part).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line !== '') found.push(JSON.parse(line));
      if (found.length === n) return found;
    }
  }
  return found;
}

// until reads a stream up to the first part that holds the words.
async function until(stream, words) {
  let all = '';
  for await (const part of parts(stream)) {
    all += part;
    if (all.includes(words)) return all;
  }
  throw new Error(`the stream ended without ${JSON.stringify(words)}: ${JSON.stringify(all)}`);
}

// follow reads a stream in the background: `until` resolves once so much has
// come, `end` with all of it at the end.
function follow(stream) {
  let all = '';
  const waiting = new Set();
  const end = (async () => {
    for await (const part of parts(stream)) {
      all += part;
      for (const check of waiting) check();
    }
    return all;
  })();
  const until = (words) => new Promise((resolve, reject) => {
    const check = () => {
      if (!all.includes(words)) return;
      waiting.delete(check);
      resolve(all);
    };
    waiting.add(check);
    end.then(() => all.includes(words) || reject(new Error(`the stream ended without ${JSON.stringify(words)}`)), reject);
    check();
  });
  return { until, end };
}

// ended waits for the end of an Instance, which is the end of its stderr.
async function ended(instance) {
  await text(await instance.getStream('stderr'));
  return instance.getInfo();
}

// fails wants a call to be refused with a code, a status and words.
async function fails(call, code, status, words = /./) {
  await assert.rejects(call, (err) => {
    assert.equal(err.code, code);
    assert.equal(err.status, String(status));
    assert.match(JSON.parse(err.body).error, words);
    return true;
  });
}

// raw is a request the client has no method for.
async function raw(method, where, { headers = {}, body } = {}) {
  const response = await fetch(`${url}/${where}`, { method, headers, body, duplex: 'half' });
  const said = await response.text();
  let json;
  try {
    json = JSON.parse(said);
  } catch {
    // not every answer is JSON
  }
  return { status: response.status, headers: response.headers, text: said, json };
}

// entries are the JSON lines of a stream that does not end.
async function* entries(stream) {
  let rest = '';
  for await (const part of stream) {
    const lines = (rest + Buffer.from(part)).split('\n');
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

module.exports = { hub, url, packageOf, send, launch, parts, text, values, until, follow, entries, ended, fails, raw };
