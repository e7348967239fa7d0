'use strict';
// AppContext: what a program can do through `this`.

const { test } = require('node:test');
const assert = require('node:assert');
const { Hub } = require('./hub');

const FOREVER = 'return new Promise(() => {});';

test('config, instance id, arguments', async (t) => {
  const hub = await Hub.start(t);
  const program = `module.exports = function (input, ...args) {
    return [this.config === undefined ? 'none' : this.config, this.instanceId, args, this.exitTimeout, this.initialState === undefined];
  }`;
  const bare = hub.run(program, { args: undefined });
  assert.strictEqual(await bare.all(), '"none"\n"test-instance"\n[]\n10000\ntrue\n');
  const full = hub.run(program, { config: { a: 1 }, args: [1, { b: 2 }, null], exitTimeout: 500 });
  assert.strictEqual(await full.all(), '{"a":1}\n"test-instance"\n[1,{"b":2},null]\n500\ntrue\n');
});

test('the logger', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) this.logger[level]('at ' + level, { level }, 7);
    this.logger.info({ msg: 'object', extra: 1 });
    this.logger.info({ a: 1 });
    this.logger.error(new TypeError('bad'));
    this.logger.info('error inside', { err: new Error('inner') }, 10n);
    const circular = {}; circular.self = circular;
    this.logger.info('circular', circular);
    this.logger.info('line\\nbreak', 'ż');
    this.logger.info('x'.repeat(200000));
    this.logger.info();
    const { info } = this.logger;
  }`);
  await instance.exited;
  const entries = instance.text.log.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepStrictEqual(entries.slice(0, 6).map((e) => e.level), ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']);
  assert.deepStrictEqual(entries[2].data, [{ level: 'info' }, 7]);
  for (const entry of entries) {
    assert.strictEqual(entry.from, 'Sequence');
    assert.ok(Math.abs(entry.ts - Date.now()) < 60000);
  }
  assert.strictEqual(entries[6].msg, 'object');
  assert.strictEqual(entries[6].extra, 1);
  assert.strictEqual(entries[7].a, 1);
  assert.strictEqual(entries[8].msg, 'bad');
  assert.match(entries[8].data[0].stack, /TypeError: bad/);
  assert.strictEqual(entries[9].data[0].err.message, 'inner');
  assert.strictEqual(entries[9].data[1], '10');
  assert.match(entries[10].data[0], /Circular/);
  assert.strictEqual(entries[11].msg, 'line\nbreak');
  assert.strictEqual(entries[12].msg.length, 200000);
  assert.strictEqual(entries.length, 14);
});

test('events in and out', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    const self = this.on('ask', (message) => this.emit('answer', { got: message === undefined ? 'nothing' : message }));
    if (self !== this) throw new Error('on does not chain');
    this.on('answer', () => { throw new Error('own events come back'); });
    this.emit('up');
    ${FOREVER}
  }`);
  assert.deepStrictEqual(await instance.got('event'), { type: 'event', name: 'up' });
  instance.send('event', { name: 'ask', message: { q: 1 }, source: 'api' });
  instance.send('event', { name: 'unheard', message: 1 });
  instance.send('event', { name: 'error', message: 'no listener' });
  instance.send('event', { name: 'ask' });
  assert.deepStrictEqual((await instance.got('event', 2)).message, { got: { q: 1 } });
  assert.deepStrictEqual((await instance.got('event', 3)).message, { got: 'nothing' });
});

test('events that come before the program is loaded are kept', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.spawn();
  instance.start({ package: hub.package({ 'index.mjs': `export default function () { this.on('early', (m) => this.emit('got', m)); ${FOREVER} }` }), main: 'index.mjs' });
  instance.send('event', { name: 'early', message: 1 });
  assert.strictEqual((await instance.got('event')).message, 1);
});

test('an error in an event handler is uncaught', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () { this.on('x', () => { throw new Error('in handler'); }); ${FOREVER} }`);
  instance.send('event', { name: 'x' });
  assert.strictEqual((await instance.got('failed')).message, 'in handler');
  assert.strictEqual(await instance.exited, 101);
});

test('handlers must be functions', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    return ['addStopHandler', 'addKillHandler', 'addMonitoringHandler', 'on'].map((name) => {
      try { name === 'on' ? this.on('x', 'y') : this[name]('x'); } catch (err) { return err.message; }
    });
  }`);
  assert.match(await instance.all(), /addStopHandler: the handler must be a function.*\n.*addKillHandler.*\n.*addMonitoring.*\n.*on: /);
});

test('monitoring handlers are ANDed and asked at the given rate', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    this.addMonitoringHandler(async ({ healthy }) => ({ healthy }));
    this.addMonitoringHandler(() => ({ healthy: global.fine !== false }));
    this.addMonitoringHandler(() => { if (global.broken) throw new Error('sick'); return { healthy: true }; });
    this.on('set', (name) => { global[name] = name === 'broken'; });
    ${FOREVER}
  }`);
  instance.send('monitoring', { rate: 100 });
  assert.strictEqual((await instance.got('health')).healthy, true);
  instance.send('event', { name: 'set', message: 'fine' });
  await instance.until(() => instance.messages.some((m) => m.type === 'health' && !m.healthy));
  instance.send('monitoring', { rate: 0 });
  await instance.until(() => instance.queue.length === 0);
  const n = instance.messages.length;
  instance.send('monitoring', { rate: 50 });
  await instance.until(() => instance.messages.length > n + 2);
});

test('describe, definition, monitor, handlers by hand', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = async function () {
    const out = [];
    this.describe({ mode: 'buffer' });
    out.push(this.definition);
    out.push(await this.monitor());
    this.addStopHandler((timeout, can) => { out.push([timeout, can]); });
    this.addKillHandler(() => { out.push('kill'); });
    await this.stopHandler(5, true);
    this.killHandler();
    return out;
  }`);
  assert.strictEqual(await instance.all(), '{"mode":"buffer"}\n{"healthy":true}\n[5,true]\n"kill"\n');
});

test('save resolves once the Hub has it, load gives it back', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = async function () {
    const seen = [this.initialState, this.load()];
    const first = this.save({ n: 2 });
    seen.push(this.load());
    await first;
    seen.push(this.load());
    seen[3].n = 'changed';
    seen.push(this.load());
    await this.save({ n: 3 }).catch((err) => seen.push(err.message, this.load()));
    await this.save(undefined).catch((err) => seen.push(err.message));
    const circular = {}; circular.self = circular;
    await this.save(circular).catch((err) => seen.push(/circular/.test(err.message)));
    await this.save('x'.repeat(17e6)).catch((err) => seen.push(/^save: 170000.. bytes are more/.test(err.message)));
    try { this.emit('large', 'x'.repeat(17e6)); } catch (err) { seen.push(err.name); }
    return seen;
  }`, { state: { n: 1 } });
  const first = await instance.got('save');
  assert.deepStrictEqual(first.state, { n: 2 });
  instance.send('saved', { id: first.id });
  const second = await instance.got('save', 2);
  instance.send('saved', { id: second.id, error: 'disk full' });
  assert.strictEqual(await instance.all(), [
    '{"n":1}', '{"n":1}', '{"n":1}', '{"n":"changed"}', '{"n":2}', '"save: disk full"', '{"n":2}', '"save: the state must be a JSON value"', 'true', 'true', '"RangeError"', '',
  ].join('\n'));
});

test('save says what was emitted before', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = async function* () {
    for (const n of [1, 22]) { yield n; await this.save(n); }
  }`);
  for (const [count, output] of [[1, 2], [2, 5]]) {
    const save = await instance.got('save', count);
    assert.strictEqual(save.output, output);
    instance.send('saved', { id: save.id });
  }
  assert.strictEqual(await instance.all(), '1\n22\n');
});

test('stdin, stdout and stderr are the process\'s own', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = async function () {
    console.log('to stdout'); console.error('to stderr');
    let text = '';
    for await (const chunk of process.stdin) text += chunk;
    return text;
  }`);
  instance.child.stdin.end('from stdin');
  assert.strictEqual(await instance.all(), 'from stdin');
  await instance.exited;
  assert.strictEqual(instance.text.stdout, 'to stdout\n');
  assert.strictEqual(instance.text.stderr, 'to stderr\n');
});
