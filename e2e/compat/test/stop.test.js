'use strict';
// InstanceClient: stop, kill, and how programs end by themselves.

const assert = require('node:assert/strict');
const test = require('node:test');
const { hub, launch, send, parts, text, values, ended, fails, raw } = require('../lib/hub');

// within runs a call that must not take as long as ms.
async function within(ms, call) {
  const began = Date.now();
  const value = await call();
  assert.ok(Date.now() - began < ms, `took ${Date.now() - began} ms, not less than ${ms}`);
  return value;
}

test('stop runs the handlers and answers when the Instance has ended', async (t) => {
  const instance = await launch(t, 'stopper', { args: [100] });
  const info = await within(15000, () => instance.stop(30000, false));
  assert.equal(info.id, instance.id);
  assert.equal(info.status, 'completed');
  assert.deepEqual(info.terminated, { exitcode: 0, reason: 'Instance stopped' });
  const out = await text(await instance.getStream('stdout'));
  assert.equal(out, `${JSON.stringify({ timeout: 30000, canCallKeepalive: false })}\nhandled\n`);
});

test('a handler that takes too long is ended at the timeout', async (t) => {
  const instance = await launch(t, 'stopper', { args: [60000] });
  const info = await within(15000, () => instance.stop(300, false));
  assert.equal(info.status, 'completed');
  assert.deepEqual(info.terminated, { exitcode: 138, reason: 'Instance stopped' });
});

test('keepAlive puts off the end where the stop allows it', async (t) => {
  const instance = await launch(t, 'keepalive', { args: [1500] });
  const alive = await instance.getEventStream('alive');
  const began = Date.now();
  const info = await instance.stop(100, true);
  assert.equal(info.status, 'stopping');
  const beats = await values(alive);
  assert.ok(beats.at(-1) - began > 1000, `the last sign of life came after ${beats.at(-1) - began} ms`);
  assert.deepEqual((await ended(instance)).terminated, { exitcode: 138, reason: 'Instance stopped' });
});

test('keepAlive does nothing where the stop does not allow it', async (t) => {
  const instance = await launch(t, 'keepalive', { args: [60000] });
  const info = await within(15000, () => instance.stop(200, false));
  assert.equal(info.status, 'completed');
});

test('a stop that is written wrong is refused', async (t) => {
  const instance = await launch(t, 'stopper');
  await fails(instance.stop('soon', false), 'BAD_PARAMETERS', 400, /Invalid timeout format/);
  await fails(instance.stop(100, 'yes'), 'BAD_PARAMETERS', 400, /Invalid canCallKeepalive format/);
  await fails(instance.kill({ removeImmediately: 'yes' }), 'BAD_PARAMETERS', 400, /Invalid removeImmediately format/);
  assert.equal((await instance.getInfo()).status, 'running');
});

test('kill runs the kill handlers and ends the program', async (t) => {
  const instance = await launch(t, 'killable');
  const info = await instance.kill();
  assert.equal(info.status, 'killing');
  const after = await within(5000, () => ended(instance));
  assert.equal(after.status, 'completed');
  assert.deepEqual(after.terminated, { exitcode: 137, reason: 'Instance killed' });
  assert.equal(await text(await instance.getStream('stdout')), 'killed\n');
  await fails(instance.kill(), 'BAD_PARAMETERS', 400, /Instance not running/);
});

test('kill after a stop that takes its time', async (t) => {
  const instance = await launch(t, 'stopper', { args: [60000] });
  const stopping = instance.stop(60000, false);
  const out = await instance.getStream('stdout');
  await values(out, 1);
  await instance.kill();
  assert.deepEqual((await within(10000, () => stopping)).terminated, { exitcode: 137, reason: 'Instance killed' });
});

test('kill ends a busy loop', async (t) => {
  const instance = await launch(t, 'busy');
  await instance.kill();
  const info = await within(5000, () => ended(instance));
  assert.deepEqual(info.terminated, { exitcode: 137, reason: 'Instance killed' });
});

test('removeImmediately takes the Instance off the lists at once', async (t) => {
  const sequence = await send(t, 'identity');
  const instance = await sequence.start({});
  await within(1000, () => instance.kill({ removeImmediately: true }));
  assert.deepEqual(await sequence.listInstances(), []);
  await fails(instance.getInfo(), 'NOT_FOUND', 404);
});

test('a program that throws says so and keeps its words', async (t) => {
  for (const [how, exitcode, words] of [
    ['throw', 23, 'thrown on purpose'], ['reject', 23, 'rejected on purpose'],
    ['stream', 23, 'failed on purpose'], ['later', 101, 'uncaught on purpose'],
  ]) {
    const instance = await launch(t, 'crash', { args: [how] });
    const output = text(await instance.getStream('output')).catch(() => '');
    const info = await ended(instance);
    await output;
    assert.equal(info.status, 'errored', how);
    assert.equal(info.terminated.exitcode, exitcode, how);
    assert.match(info.error || '', new RegExp(words), how);
    const { text: err } = await raw('GET', `instance/${instance.id}/stderr?from=start`);
    assert.match(err, new RegExp(words), how);
  }
});

test('an exit code of the program is kept', async (t) => {
  const instance = await launch(t, 'crash', { args: ['7'] });
  const info = await ended(instance);
  assert.equal(info.status, 'errored');
  assert.equal(info.terminated.exitcode, 7);
});

test('success is exit code 0', async (t) => {
  const instance = await launch(t, 'generator', { args: [1] });
  const info = await ended(instance);
  assert.equal(info.status, 'completed');
  assert.deepEqual(info.terminated, { exitcode: 0, reason: 'Instance completed' });
  assert.ok(Date.parse(info.created) <= Date.parse(info.started) && Date.parse(info.started) <= Date.parse(info.ended));
});

test('what fails is started again when its policy says so', async (t) => {
  const sequence = await send(t, 'crash');
  const { json } = await raw('POST', `sequence/${sequence.id}/start`, {
    headers: { 'content-type': 'application/json' }, body: JSON.stringify({ args: ['later'], restart: 'on-failure' }),
  });
  const log = await hub.getInstanceClient(json.id).getStream('stderr');
  let all = '';
  for await (const part of parts(log)) {
    all += part;
    if (all.match(/Error: uncaught on purpose/g)?.length === 2) break;
  }
  const { json: info } = await raw('GET', `instance/${json.id}`);
  assert.ok(info.restarts >= 1, JSON.stringify(info.restarts));
  await raw('POST', `instance/${json.id}/_kill`, { headers: { 'content-type': 'application/json' }, body: '{}' });
});
