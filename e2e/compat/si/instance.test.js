'use strict';
// si inst: list, use, info, health, stop, kill, events.

const assert = require('node:assert/strict');
const test = require('node:test');
const { ok, json, refused, run, until, connect, launch, request, ended } = require('../lib/si');

const post = (where, body) => request('POST', where, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

test.before(connect);

test('Instances are listed, chosen and shown, and say how they are', async () => {
  const first = await launch('identity');
  const second = await launch('killable');
  const ids = (await json(['inst', 'list'])).map((i) => i.id);
  assert.deepEqual(ids.sort(), [first, second].sort());
  assert.equal((await json(['inst', 'info', '-'])).id, second);
  await ok(['inst', 'use', first]);
  const info = await json(['inst', 'info', '-']);
  assert.equal(info.id, first);
  assert.equal(info.status, 'running');
  assert.equal(info.sequence.config.name, 'compat-identity');
  assert.equal((await json(['inst', 'health', '-'])).healthy, true);
  await ok(['inst', 'kill', first]);
  await ok(['inst', 'kill', second]);
});

test('stop gives the program its time, kill does not', async () => {
  const stopped = await launch('stopper');
  const answer = await json(['inst', 'stop', '-', '5000']);
  assert.equal(answer.id, stopped);
  const end = await ended(stopped);
  assert.equal(end.status, 'completed');
  assert.deepEqual(end.terminated, { exitcode: 0, reason: 'Instance stopped' });
  assert.match(await ok(['inst', 'stdout', '-']), /{"timeout":5000,"canCallKeepalive":true}\nhandled/);

  const killed = await launch('stopper');
  assert.equal((await json(['inst', 'kill', '-'])).id, killed);
  assert.equal((await ended(killed)).terminated.exitcode, 137);
  await refused(['inst', 'kill', '-'], 400, /Instance not running/);
  await refused(['inst', 'health', '-'], 410, /does not run any more/);
  await refused(['inst', 'info', 'nope'], 404, /Instance nope not found/);
  const usage = await run(['inst', 'stop', '-']);
  assert.deepEqual([usage.code, usage.err.includes("missing required argument 'timeout'")], [1, true]);
});

test('events go in and come out', async () => {
  const id = await launch('events');
  assert.deepEqual(await json(['inst', 'event', 'on', '-', 'ready']), true);
  assert.deepEqual(await json(['inst', 'event', 'emit', '-', 'ping', '{"a":1}']), { accepted: 'OK' });
  assert.equal(await json(['inst', 'event', 'on', '-', 'pong']), '{"a":1}'); // the payload goes as a string

  // Whoever comes too late for one event gets the next.
  const next = json(['inst', 'event', 'on', id, 'pong', '--next']);
  let got;
  next.then((value) => (got = value), (err) => (got = err));
  while (got === undefined) await ok(['inst', 'event', 'invoke', id, 'ping', 'again']);
  assert.equal(got, 'again');

  await until(['inst', 'event', 'on', id, 'pong', '-s'], '"streamed"', () => ok(['inst', 'event', 'emit', id, 'ping', 'streamed']));
  await ok(['inst', 'kill', '-']);
});

test('kill --removeImmediately and restart: what newer versions of si ask', async () => {
  const id = await launch('identity', '--args', '["x"]', '-s', '{"y":1}');
  const info = (await request('GET', `instance/${id}`)).json();
  assert.equal((await post(`instance/${id}/_kill`, { removeImmediately: true })).status, 202);
  while ((await request('GET', `instance/${id}`)).status !== 404);
  const started = await post(`sequence/${info.sequence.id}/start`, { instanceId: id, args: info.args, appConfig: info.appConfig });
  assert.deepEqual([started.status, started.json().id], [200, id]);
  const again = await json(['inst', 'info', id]);
  assert.deepEqual([again.args, again.appConfig, again.status], [['x'], { y: 1 }, 'running']);
  await ok(['inst', 'kill', id]);
});
