'use strict';
// HostClient: Topics, which the client calls named data.

const assert = require('node:assert/strict');
const { Readable } = require('node:stream');
const test = require('node:test');
const { hub, url, launch, values, until, raw } = require('../lib/hub');

const LINES = 'application/x-ndjson';

// named is the name of a Topic that is gone after the test.
function named(t, name) {
  t.after(() => raw('DELETE', `topics/${name}`));
  return name;
}

// receive reads a Topic until the test ends.
async function receive(t, name, init = {}) {
  const leave = new AbortController();
  t.after(() => leave.abort());
  const stream = await hub.getNamedData(name, { ...init, signal: leave.signal });
  stream.on('error', () => {}); // we leave it
  return stream;
}

test('sendNamedData and getNamedData carry records', async (t) => {
  const name = named(t, 'compat-lines');
  await hub.sendNamedData(name, Readable.from(['{"n":1}\n{"n":2}\n']), {}, LINES);
  await hub.sendNamedData(name, Readable.from(['{"n":3}']), {}, LINES);
  assert.deepEqual(await values(await receive(t, name), 3), [{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test('a reader that comes first gets what comes', async (t) => {
  const name = named(t, 'compat-live');
  const stream = await receive(t, name);
  await hub.sendNamedData(name, Readable.from(['1\n2\n']), {}, LINES);
  assert.deepEqual(await values(stream, 2), [1, 2]);
});

test('two readers get the same', async (t) => {
  const name = named(t, 'compat-two');
  const streams = [await receive(t, name), await receive(t, name)];
  await hub.sendNamedData(name, Readable.from(['1\n', '2\n']), {}, LINES);
  for (const stream of streams) assert.deepEqual(await values(stream, 2), [1, 2]);
});

test('a type that is not named does for both sides', async (t) => {
  const name = named(t, 'compat-bytes');
  await hub.sendNamedData(name, Readable.from([Buffer.from('some '), Buffer.from('bytes')]));
  assert.equal(await until(await receive(t, name), 'some bytes'), 'some bytes');
  assert.ok((await hub.getTopics()).some((x) => x.topicName === name && x.contentType === 'application/octet-stream'));
});

test('text and names with dots', async (t) => {
  const name = named(t, 'compat.text.line-1');
  await hub.sendNamedData(name, Readable.from(['žluť\n']), {}, 'text/plain', true);
  assert.equal(await until(await receive(t, name), 'žluť\n'), 'žluť\n');
});

test('getTopics lists what was made, as Scramjet does', async (t) => {
  const name = named(t, 'compat-list');
  const { status, json } = await raw('POST', 'topics', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: name, 'content-type': 'text/plain' }),
  });
  assert.equal(status, 200);
  assert.equal(json.id, name);
  assert.equal(json.state, 'flowing');
  assert.equal(json.origin.type, 'hub');
  const found = (await hub.getTopics()).find((x) => x.topicName === name);
  assert.equal(found.topic, name);
  assert.equal(found.contentType, 'text/plain');
  assert.equal(found.localProvider, '');
  assert.equal((await raw('DELETE', `topics/${name}`)).status, 200);
  assert.ok(!(await hub.getTopics()).some((x) => x.topicName === name));
});

test('what is refused is refused in words', async (t) => {
  const name = named(t, 'compat-refused');
  await hub.sendNamedData(name, Readable.from(['1\n']), {}, LINES);
  const refused = async (call, status, words) => assert.rejects(call, (err) => {
    assert.equal(err.status, String(status));
    assert.match(JSON.parse(err.body).error, words);
    return true;
  });
  await refused(hub.sendNamedData(name, Readable.from(['1\n']), {}, 'text/plain'), 415, /Unsupported content-type/);
  await refused(hub.sendNamedData(name, Readable.from(['1\n']), {}, 'image/png'), 400, /Unsupported content-type/);
  await refused(hub.getNamedData(name, { headers: { 'content-type': 'text/plain' } }), 415, /Unsupported content-type/);
  await refused(hub.getNamedData('bad%20name'), 400, /Topic id incorrect format/);
});

test('programs feed and read Topics', async (t) => {
  named(t, 'bench-in');
  const made = named(t, 'compat-made');
  await launch(t, 'topic-producer', { args: [made, 3, 2] });
  assert.deepEqual(await values(await receive(t, made), 3), [0, 1, 2].map((i) => ({ i, pad: 'xx' })));
  const consumer = await launch(t, 'topic-consumer');
  await hub.sendNamedData('bench-in', Readable.from(['{"a":1}\n{"a":2}\n']), {}, LINES);
  assert.deepEqual(await values(await consumer.getStream('output'), 2), [{ a: 1 }, { a: 2 }]);
  await assert.rejects(consumer.sendInput(Readable.from(['1\n']), {}, { type: LINES }), { status: '405' });
});

test('a Topic outlives its readers: another one reads it again', async (t) => {
  const name = named(t, 'compat-again');
  await hub.sendNamedData(name, Readable.from(['1\n2\n']), {}, LINES);
  for (let i = 0; i < 2; i++) {
    const response = await fetch(`${url}/topic/${name}?from=start&follow=false`);
    assert.equal(response.headers.get('content-type'), LINES);
    assert.equal(await response.text(), '1\n2\n');
  }
});
