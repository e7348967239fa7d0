'use strict';
// How a program ends: by itself, stopped, killed, broken.

const { test } = require('node:test');
const assert = require('node:assert');
const { Hub } = require('./hub');

const FOREVER = 'setInterval(() => {}, 1000); return new Promise(() => {});';

test('a program that is done leaves at once', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = () => [1]');
  const completed = await instance.got('completed');
  assert.strictEqual(completed.timeout, 10000);
  const begin = Date.now();
  assert.strictEqual(await instance.exited, 0);
  assert.ok(Date.now() - begin < 5000, 'it did not wait for exitTimeout');
});

test('a program that has ended its output but goes on leaves at exitTimeout', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function () { this.exitTimeout = 150; setInterval(() => {}, 1000); }');
  assert.strictEqual((await instance.got('completed')).timeout, 150);
  const begin = Date.now();
  assert.strictEqual(await instance.exited, 0);
  assert.ok(Date.now() - begin >= 100);
});

test('work after the end of the output is finished within exitTimeout', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run("module.exports = function () { setTimeout(() => { console.log('late'); this.emit('late', 1); }, 100); return []; }");
  assert.strictEqual(await instance.exited, 0);
  assert.strictEqual(instance.text.stdout, 'late\n');
  assert.strictEqual((await instance.messages.find((m) => m.type === 'event')).message, 1);
});

test('the runner waits for the ack of its output, however long', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function () { this.exitTimeout = 10; return "x".repeat(100000); }', {}, { ack: false, window: 65536 });
  await instance.until(() => instance.out.received === 65536);
  instance.sendWindow(65536);
  await instance.until(() => instance.out.ended);
  await new Promise((go) => setTimeout(go, 100)); // longer than exitTimeout
  assert.strictEqual(instance.exitCode, undefined);
  instance.sendWindow(100000);
  assert.strictEqual(await instance.exited, 0);
});

test('stop runs the handlers one after the other and tells', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    this.addStopHandler(async (timeout, can) => { await new Promise((go) => setTimeout(go, 50)); console.log('first', timeout, can); });
    this.addStopHandler(() => { console.log('second'); });
    return new Promise(() => {});
  }`);
  await instance.got('ready');
  instance.send('stop', { timeout: 7000, canCallKeepalive: true });
  instance.send('stop', { timeout: 7000, canCallKeepalive: true });
  assert.deepStrictEqual(await instance.got('stopped'), { type: 'stopped' });
  assert.strictEqual(await instance.exited, 0);
  assert.strictEqual(instance.text.stdout, 'first 7000 true\nsecond\n');
  assert.strictEqual(instance.messages.filter((m) => m.type === 'stopped').length, 1);
});

test('a stop handler that fails does not keep the others from running', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    this.addStopHandler(() => { throw new Error('no'); });
    this.addStopHandler(() => { console.log('second'); });
    return new Promise(() => {});
  }`);
  await instance.got('ready');
  instance.send('stop', { timeout: 1000, canCallKeepalive: false });
  assert.strictEqual((await instance.got('stopped')).error, 'no');
  await instance.exited;
  assert.strictEqual(instance.text.stdout, 'second\n');
});

test('stop lets a program write its last output', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`const { PassThrough } = require('stream');
  module.exports = function () {
    const out = new PassThrough();
    const timer = setInterval(() => out.write('.'), 5);
    this.addStopHandler(() => { clearInterval(timer); out.end('last'); });
    return out;
  }`);
  await instance.until(() => instance.out.received > 3);
  instance.send('stop', { timeout: 1000, canCallKeepalive: false });
  assert.match(await instance.all(), /^\.+last$/);
  assert.strictEqual(await instance.exited, 0);
});

test('a stopped program does not wait for readers of its output', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function* () { for (;;) yield 1; }', {}, { ack: false, window: 65536 });
  await instance.until(() => instance.out.received === 65536);
  instance.send('stop', { timeout: 1000, canCallKeepalive: false });
  await instance.got('stopped');
  assert.strictEqual(await instance.exited, 0);
});

test('a program that works on after stop stays until it is killed', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () { setInterval(() => this.emit('tick'), 10); ${FOREVER} }`);
  await instance.got('ready');
  instance.send('stop', { timeout: 100, canCallKeepalive: false });
  await instance.got('stopped');
  const ticks = instance.messages.length;
  await instance.until(() => instance.messages.length > ticks + 5);
  instance.send('kill');
  assert.strictEqual(await instance.exited, 137);
});

test('stopped tells of a program that can not know of the stop', async (t) => {
  const hub = await Hub.start(t);
  const programs = {
    [`module.exports = function () { ${FOREVER} }`]: true,
    [`module.exports = function () { this.addStopHandler(() => {}); ${FOREVER} }`]: undefined,
    [`module.exports = function (input) { input.on('data', () => {}); ${FOREVER} }`]: undefined,
    'module.exports = async function* (input) { for await (const x of input) yield x; }': undefined,
  };
  for (const [program, unaware] of Object.entries(programs)) {
    const instance = hub.run(program);
    await instance.got('ready');
    instance.send('stop', { timeout: 100, canCallKeepalive: false });
    assert.strictEqual((await instance.got('stopped')).unaware, unaware, program);
    instance.send('kill');
    await instance.exited;
  }
});

test('keepAlive delays stopped, end cuts it short', async (t) => {
  const hub = await Hub.start(t);
  const program = `module.exports = function () {
    this.addStopHandler(() => { this.keepAlive(300).keepAlive(1); });
    this.on('end', () => this.end());
    ${FOREVER}
  }`;
  const kept = hub.run(program);
  await kept.got('ready');
  const begin = Date.now();
  kept.send('stop', { timeout: 100, canCallKeepalive: true });
  assert.deepStrictEqual(await kept.got('keepAlive'), { type: 'keepAlive', ms: 300 });
  await kept.got('stopped');
  assert.ok(Date.now() - begin >= 290);

  const ended = hub.run(program.replace('300', '600000'));
  await ended.got('ready');
  ended.send('stop', { timeout: 100, canCallKeepalive: true });
  await ended.got('keepAlive');
  ended.send('event', { name: 'end' });
  await ended.got('stopped');
});

test('keepAlive may come again while it waits', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    this.addStopHandler(() => { this.keepAlive(100); setTimeout(() => this.keepAlive(300), 50); });
    ${FOREVER}
  }`);
  await instance.got('ready');
  const begin = Date.now();
  instance.send('stop', { timeout: 100, canCallKeepalive: true });
  await instance.got('stopped');
  assert.ok(Date.now() - begin >= 340);
});

test('end and destroy', async (t) => {
  const hub = await Hub.start(t);
  const ended = hub.run('module.exports = function () { this.end(); return new Promise(() => {}); }');
  assert.deepStrictEqual(await ended.got('stopped'), { type: 'stopped' });
  assert.strictEqual(await ended.exited, 0);
  const destroyed = hub.run("module.exports = function () { this.destroy(new Error('why')); return new Promise(() => {}); }");
  assert.deepStrictEqual(await destroyed.got('stopped'), { type: 'stopped', error: 'why' });
  assert.strictEqual(await destroyed.exited, 23);
});

test('end and destroy leave work behind once exitTimeout has passed', async (t) => {
  const hub = await Hub.start(t);
  for (const [call, code] of [['end()', 0], ["destroy(new Error('why'))", 23]]) {
    const instance = hub.run(`module.exports = async function* () {
      this.exitTimeout = 100;
      yield 1;
      this.${call};
      yield 2;
      ${FOREVER}
    }`);
    await instance.got('stopped');
    assert.strictEqual(await instance.exited, code);
    assert.strictEqual(instance.output(), '1\n2\n');
  }
});

test('process.exit leaves no output behind', async (t) => {
  const hub = await Hub.start(t);
  const objects = hub.run('module.exports = async function* () { yield 1; yield 2; process.exit(3); }');
  assert.strictEqual(await objects.exited, 3);
  assert.strictEqual(objects.output(), '1\n2\n');
  const bytes = hub.run(`module.exports = async function* () {
    yield Buffer.from('a');
    yield Buffer.from('b');
    process.exit(3);
  }`);
  assert.strictEqual(await bytes.exited, 3);
  assert.strictEqual(bytes.output(), 'ab');
});

test('kill runs the kill handlers and exits at once', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () {
    this.addKillHandler(() => { throw new Error('ignored'); });
    this.addKillHandler(() => { require('fs').writeSync(1, 'killed\\n'); });
    ${FOREVER}
  }`);
  await instance.got('ready');
  instance.send('kill');
  assert.strictEqual(await instance.exited, 137);
  assert.strictEqual(instance.text.stdout, 'killed\n');
});

const UNCAUGHT = {
  'an uncaught exception': "setTimeout(() => { throw new Error('loose'); }, 5);",
  'an unhandled rejection': "setTimeout(() => Promise.reject(new Error('loose')), 5);",
  'an error event': "setTimeout(() => new (require('events'))().emit('error', new Error('loose')), 5);",
};

test('what nobody catches ends with 101', async (t) => {
  const hub = await Hub.start(t);
  for (const [name, code] of Object.entries(UNCAUGHT)) {
    await t.test(name, async () => {
      const instance = hub.run(`module.exports = function () { ${code} ${FOREVER} }`);
      const failed = await instance.got('failed');
      assert.strictEqual(failed.exitCode, 101);
      assert.strictEqual(failed.message, 'loose');
      assert.match(failed.stack, /index\.js/);
      assert.strictEqual(await instance.exited, 101);
      assert.match(instance.text.stderr, /Error: loose\n +at/);
      assert.match(instance.text.log, /"level":"FATAL","msg":"loose"/);
    });
  }
});

test('a program that handles uncaught exceptions itself goes on', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = () => new Promise((done) => {
    process.on('uncaughtException', (err) => done('handled ' + err.message));
    setTimeout(() => { throw new Error('x'); }, 5);
  })`);
  assert.strictEqual(await instance.all(), 'handled x');
  assert.strictEqual(await instance.exited, 0);
});

test('a listener that throws costs a program that goes on no input', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = (input) => new Promise((done) => {
    const got = [];
    process.on('uncaughtException', () => {});
    input.on('data', (x) => { got.push(x); if (x % 3 === 0) throw new Error('x'); }).on('end', () => done(got));
  })`);
  await instance.got('ready');
  instance.send('input', { contentType: 'application/x-ndjson' });
  const text = Array.from({ length: 100 }, (_, i) => `${i}\n`).join('');
  for (let at = 0; at < text.length; at += 10) {
    instance.write(text.slice(at, at + 10));
    await instance.until(() => instance.input.acked === instance.input.next);
  }
  instance.end();
  assert.strictEqual(await instance.all(), text);
  assert.strictEqual(instance.hellos.length, 1);
});

test('a failure is told even when the Hub is away, or the runner leaves after 2 s', async (t) => {
  const hub = await Hub.start(t);
  const program = `module.exports = function () { setTimeout(() => { throw new Error('x'); }, 300); ${FOREVER} }`;
  const told = hub.run(program);
  await told.got('ready');
  await hub.away();
  await told.until(() => /Error: x/.test(told.text.stderr));
  await hub.back();
  assert.strictEqual((await told.got('failed')).exitCode, 101);
  assert.strictEqual(await told.exited, 101);

  const untold = hub.run(program);
  await untold.got('ready');
  await hub.away();
  assert.strictEqual(await untold.exited, 101);
  assert.ok(!untold.messages.some((m) => m.type === 'failed'));
  await hub.back();
});

test('process.exit and process.exitCode are the program\'s own', async (t) => {
  const hub = await Hub.start(t);
  assert.strictEqual(await hub.run('module.exports = () => { process.exit(7); }').exited, 7);
  assert.strictEqual(await hub.run('module.exports = () => { process.exitCode = 8; }').exited, 8);
});

test('a full stdout is written out before the end', async (t) => {
  const hub = await Hub.start(t);
  for (const [end, code] of [['return [];', 0], ["throw new Error('x');", 23], ['this.exitTimeout = 20; setInterval(() => {}, 1000); return [];', 0]]) {
    const instance = hub.run(`module.exports = function () { process.stdout.write('x'.repeat(1 << 20)); process.stderr.write('y'.repeat(1 << 20)); ${end} }`);
    instance.child.stdout.pause();
    instance.child.stderr.pause();
    await instance.until(() => instance.out.ended || instance.messages.some((m) => m.type === 'failed'));
    instance.child.stdout.resume();
    instance.child.stderr.resume();
    assert.strictEqual(await instance.exited, code);
    assert.strictEqual(instance.text.stdout.length, 1 << 20);
    assert.ok(instance.text.stderr.length >= 1 << 20);
  }
});

test('a full log pipe holds the program up and loses nothing', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function () { for (let i = 0; i < 5000; i++) this.logger.info('n' + i, 'x'.repeat(100)); }`);
  instance.child.stdio[3].pause();
  await instance.got('ready');
  instance.child.stdio[3].resume();
  assert.strictEqual(await instance.exited, 0);
  const entries = instance.text.log.trim().split('\n').map((line) => JSON.parse(line).msg);
  assert.deepStrictEqual(entries, Array.from({ length: 5000 }, (_, i) => `n${i}`));
});
