'use strict';
// Programs in Python, as a client sees them.

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { Readable } = require('node:stream');
const node = require('node:test');
const { hub, url, launch, send, parts, text, values, ended, fails, raw } = require('../lib/hub');

const LINES = 'application/x-ndjson';
const test = (name, fn) => node.test(name, async (t) => {
  const { json } = await raw('GET', 'status');
  if (!json.engines.python3) return t.skip('the Hub has no Python');
  return fn(t);
});

test('a package with engines as Scramjet has them is a Python Sequence', async (t) => {
  const sequence = await send(t, 'python-identity');
  const { config } = await sequence.getInfo();
  assert.equal(config.language, 'py');
  assert.deepEqual(config.engines, { python3: '3.9.0' });
  assert.equal(config.entrypointPath, 'main.py');
});

test('JSON lines come as objects and go as such', async (t) => {
  const instance = await launch(t, 'python-identity');
  await instance.sendInput(Readable.from(['{"a":1}\nnot json\n[2, {"b":', ' null}]\n"ž"\n']), {}, { type: LINES, end: true });
  assert.equal(await text(await instance.getStream('output')), '{"a":1}\n[2,{"b":null}]\n"ž"\n');
  const log = await text(await instance.getStream('log'));
  assert.match(log, /input line 2 is not JSON: skipped/);
});

test('text comes by lines', async (t) => {
  const instance = await launch(t, 'python-identity');
  await instance.sendInput(Readable.from(['one\ntw', 'o\nlast']), {}, { type: 'text/plain', end: true });
  assert.equal(await text(await instance.getStream('output')), 'one\ntwo\nlast');
  assert.equal((await raw('GET', `instance/${instance.id}`)).json.output.contentType, 'text/plain');
});

test('bytes come as they are', async (t) => {
  const instance = await launch(t, 'python-identity');
  const bytes = randomBytes(300000);
  const output = instance.getStream('output');
  await instance.sendInput(Readable.from([bytes]), {}, { type: 'application/octet-stream', end: true });
  const found = [];
  for await (const part of parts(await output)) found.push(part);
  assert.ok(Buffer.concat(found).equals(bytes));
});

test('another type is refused', async (t) => {
  const instance = await launch(t, 'python-identity');
  await fails(instance.sendInput(Readable.from(['x']), {}, { type: 'image/png' }), 'REQUEST_ERROR', 415);
});

test('inout answers with the output while it takes the input', async (t) => {
  const instance = await launch(t, 'python-identity');
  const { status, text: out } = await raw('POST', `instance/${instance.id}/inout`, {
    headers: { 'content-type': 'text/plain', 'x-end-stream': 'true' }, body: 'there and back',
  });
  assert.equal(status, 200);
  assert.equal(out, 'there and back');
});

test('arguments, configuration, files, __pypackages__', async (t) => {
  const instance = await launch(t, 'python-told', { args: ['a', 1, { b: null }], appConfig: { c: [true] } });
  assert.deepEqual(await values(await instance.getStream('output'), 1), [{
    args: ['a', 1, { b: null }], config: { c: [true] }, instance: instance.id,
    brought: 'from __pypackages__', data: 'of the package', wrote: true,
  }]);
});

test('stdin, stdout, stderr and log', async (t) => {
  const instance = await launch(t, 'python-told');
  const output = text(await instance.getStream('output'));
  await instance.sendStdin(Readable.from(['to stdin\n', 'and more\n']));
  await output;
  assert.equal(await text(await instance.getStream('stdout')), 'to stdout\nto stdin\nand more\n');
  assert.equal(await text(await instance.getStream('stderr')), 'to stderr\n');
  const log = (await values(await instance.getStream('log'))).filter((entry) => entry.from === 'Sequence');
  assert.deepEqual(log.map(({ level, msg }) => [level, msg]), [
    ['TRACE', 'at trace'], ['DEBUG', 'at debug'], ['INFO', 'at info'], ['WARN', 'at warning'], ['ERROR', 'at error'],
    ['FATAL', 'at critical'], ['INFO', 'an object'],
  ]);
  assert.deepEqual(log.at(-1).data, [{ n: 1 }]);
  assert.equal(typeof log.at(-1).ts, 'number');
});

test('events go in and out, plain and async handlers', async (t) => {
  const sequence = await send(t, 'python-events');
  const [instance, other] = [await sequence.start({}), await sequence.start({})];
  assert.equal(await instance.getEvent('ready'), true);
  const stream = await instance.getEventStream('pong');
  const sent = [{ n: 1 }, 'text', 7, false, [1, [2]]];
  for (const message of sent) await instance.sendEvent('ping', message);
  assert.deepEqual(await values(stream, sent.length), sent);
  const heard = await other.getEventStream('heard');
  await instance.sendEvent('shout', 1);
  assert.deepEqual(await values(heard, 1), [{ from: instance.id }]);
  const own = await raw('GET', `instance/${instance.id}/event/heard?timeout=100ms`);
  assert.equal(own.status, 504, own.text);
});

test('an event without a message is an empty text', async (t) => {
  const instance = await launch(t, 'python-events');
  const silence = await instance.getEventStream('silence');
  await instance.sendEvent('quiet');
  assert.deepEqual(await values(silence, 1), ['']);
});

test('health is what set_health_check says', async (t) => {
  const instance = await launch(t, 'python-events');
  const health = await instance.getHealth();
  assert.equal(health.healthy, true);
  assert.ok(health.processId > 0);
  await instance.sendEvent('health', false);
  assert.equal(await instance.getEvent('changed'), false);
  await raw('POST', `instance/${instance.id}/_monitoring_rate`, {
    headers: { 'content-type': 'application/json' }, body: '[4003,{"monitoringRate":50}]',
  });
  for (;;) if (!(await instance.getHealth()).healthy) break;
});

test('a stop handler is told seconds, and the program ends with 0', async (t) => {
  const instance = await launch(t, 'python-stopper', { args: [0.1] });
  const info = await instance.stop(30000, false);
  assert.equal(info.status, 'completed');
  assert.deepEqual(info.terminated, { exitcode: 0, reason: 'Instance stopped' });
  assert.equal(await text(await instance.getStream('stdout')), '{"timeout": 30.0, "can_keep_alive": false}\nhandled\n');
});

test('a stop handler that takes too long is ended at the timeout', async (t) => {
  const instance = await launch(t, 'python-stopper', { args: [600] });
  const info = await instance.stop(300, false);
  assert.deepEqual(info.terminated, { exitcode: 138, reason: 'Instance stopped' });
});

test('keep_alive asks for milliseconds, where the stop allows it', async (t) => {
  const instance = await launch(t, 'python-stopper', { args: [1.2, 60000] });
  const began = Date.now();
  await instance.stop(100, true);
  assert.deepEqual((await ended(instance)).terminated, { exitcode: 0, reason: 'Instance stopped' });
  const took = Date.now() - began;
  assert.ok(took >= 1200, `it ended after ${took} ms`);
});

test('kill runs the kill handlers, and ends a busy loop', async (t) => {
  const instance = await launch(t, 'python-stopper');
  assert.equal((await instance.kill()).status, 'killing');
  assert.deepEqual((await ended(instance)).terminated, { exitcode: 137, reason: 'Instance killed' });
  assert.equal(await text(await instance.getStream('stdout')), 'killed\n');
  const busy = await launch(t, 'python-busy');
  assert.equal((await busy.getHealth()).healthy, true);
  await busy.kill();
  assert.deepEqual((await ended(busy)).terminated, { exitcode: 137, reason: 'Instance killed' });
});

test('a program that raises says so and keeps its words', async (t) => {
  for (const [how, exitcode, words] of [['throw', 23, 'thrown on purpose'], ['stream', 23, 'failed on purpose'], ['event', 101, 'uncaught on purpose']]) {
    const instance = await launch(t, 'python-crash', { args: [how] });
    const output = text(await instance.getStream('output')).catch(() => '');
    if (how === 'event') await instance.sendEvent('fail', 1);
    const info = await ended(instance);
    await output;
    assert.equal(info.status, 'errored', how);
    assert.equal(info.terminated.exitcode, exitcode, how);
    assert.match(info.error || '', new RegExp(words), how);
    const { text: err } = await raw('GET', `instance/${instance.id}/stderr?from=start`);
    assert.match(err, new RegExp(`Traceback[^]*main.py[^]*ValueError: ${words}`), how);
    assert.doesNotMatch(err, /waverider_runner/, how);
  }
});

test('exit codes of the program are kept, success is 0', async (t) => {
  const failed = await ended(await launch(t, 'python-crash', { args: ['7'] }));
  assert.equal(failed.status, 'errored');
  assert.equal(failed.terminated.exitcode, 7);
  const done = await ended(await launch(t, 'python-crash', { args: ['0'] }));
  assert.equal(done.status, 'completed');
  assert.deepEqual(done.terminated, { exitcode: 0, reason: 'Instance completed' });
});

test('a program that fails to load fails its start, in its own words', async (t) => {
  await assert.rejects((await send(t, 'python-loadfail')).start({}), /failed on start.*not loaded on purpose/);
});

test('Topics declared in the module', async (t) => {
  for (const name of ['python-in', 'python-out']) t.after(() => raw('DELETE', `topics/${name}`));
  const instance = await launch(t, 'python-topics');
  await hub.sendNamedData('python-in', Readable.from(['{"n":1}\n{"n":2}\n']), {}, LINES);
  const leave = new AbortController();
  t.after(() => leave.abort());
  const out = await hub.getNamedData('python-out', { signal: leave.signal });
  out.on('error', () => {}); // we leave it
  assert.deepEqual(await values(out, 2), [{ n: 1, twice: 2 }, { n: 2, twice: 4 }]);
  const info = await instance.getInfo();
  assert.deepEqual([info.requires, info.provides], ['python-in', 'python-out']);
  await assert.rejects(instance.sendInput(Readable.from(['1\n']), {}, { type: LINES }), { status: '405' });
});

test('scramjet.streams need nothing installed', async (t) => {
  const instance = await launch(t, 'python-streams');
  await instance.sendInput(Readable.from(['one two\nno\nthree end\nfour\n']), {}, { type: 'text/plain', end: true });
  assert.deepEqual(await values(await instance.getStream('output')), [['ONE', 'TWO', 'THREE', 'END'], ['FOUR']]);
});

test('a generator waits for its reader', async (t) => {
  const instance = await launch(t, 'python-generator', { args: [100000] });
  const stream = await instance.getStream('output');
  await values(stream, 3);
  const { json } = await raw('GET', `instance/${instance.id}/event/at`);
  assert.ok(json < 50000, `it has come to ${json} of 100000`);
  await instance.kill();
});

test('what was saved is there in the next run', async (t) => {
  const sequence = await send(t, 'python-state');
  const { status, json, text: said } = await raw('POST', `sequence/${sequence.id}/start`, {
    headers: { 'content-type': 'application/json' }, body: JSON.stringify({ restart: 'on-failure' }),
  });
  assert.equal(status, 200, said);
  const response = await fetch(`${url}/instance/${json.id}/output`);
  assert.equal(await response.text(), '{"runs":3}\n');
});

test('context.hub does what the client outside does', async (t) => {
  const driven = await send(t, 'identity');
  const instance = await (await send(t, 'python-inside')).start({ args: [driven.id] });
  const calls = await values(await instance.getStream('output'));
  const info = await ended(instance);
  assert.equal(info.status, 'completed', `${info.error}`);
  const told = Object.fromEntries(calls.map(({ call, value }) => [call, value]));
  assert.equal(told.get_version.apiVersion, 'v1');
  assert.deepEqual(told.getVersion, told.get_version);
  assert.deepEqual(told.get_status.cpm, {});
  assert.ok(told.get_load_check.includes('fsSize'));
  assert.equal(told.get_config, 'dict');
  assert.equal(told.list_sequences, true);
  assert.equal(told.list_instances, true);
  assert.deepEqual(told.list_entities.sort(), ['instances', 'sequences']);
  assert.equal(told.get_sequence, driven.id);
  assert.equal(told.get_instance_info, 'running');
  assert.equal(told['sequence.get_info'], 'compat-identity');
  assert.equal(told['sequence.list_instances'], true);
  assert.equal(told['instance.get_info'], driven.id);
  assert.equal(told['instance.get_health'], true);
  assert.equal(told['instance.output'], 'onetwo');
  assert.equal(told['instance.kill'], 'str');
  assert.equal(told.create_topic, true);
  assert.equal(told.get_topics, true);
  assert.equal(told.get_topic, '{"n": 1}\n{"n": 2}\n');
  assert.equal(told.delete_topic, true);
  assert.deepEqual(told.error, { kind: 'NOT_FOUND', code: 'NOT_FOUND', status: 404 });
  assert.deepEqual(told.space, { kind: 'NOT_FOUND', code: 'NOT_FOUND', status: 404 });
  assert.equal(told.sync, 'v1');
});
