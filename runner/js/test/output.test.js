'use strict';
// What programs may return, and what becomes of it.

const { test } = require('node:test');
const assert = require('node:assert');
const { Hub } = require('./hub');

const LINES = 'application/x-ndjson', TEXT = 'text/plain', BYTES = 'application/octet-stream';
const STREAM = "const { Readable, PassThrough } = require('stream');";

// Each row: name, program, its output, the announced content type.
const RETURNS = [
  ['an array', 'module.exports = () => [1, { a: 2 }, "s", [3], null]', '1\n{"a":2}\n"s"\n[3]\nnull\n', LINES],
  ['a promise of an array', 'module.exports = async () => [1]', '1\n', LINES],
  ['a Set', 'module.exports = () => new Set([1, 2])', '1\n2\n', LINES],
  ['a generator function', 'module.exports = function* () { yield 1; yield { b: 1 }; }', '1\n{"b":1}\n', LINES],
  ['an async generator function', 'module.exports = async function* () { yield 1; yield "x"; }', '1\n"x"\n', LINES],
  ['a generator', 'module.exports = () => (function* () { yield 1; })()', '1\n', LINES],
  ['a generator of promises', 'module.exports = function* () { yield Promise.resolve(1); yield Promise.resolve(2); }', '1\n2\n', LINES],
  ['an async generator', 'module.exports = () => (async function* () { yield 1; })()', '1\n', LINES],
  ['a returned generator function', 'module.exports = () => function* () { yield 7; }', '7\n', LINES],
  ['a returned function of an array', 'module.exports = () => async () => [8]', '8\n', LINES],
  ['what a generator returns at its end', 'module.exports = function* () { yield 1; return 2; }', '1\n2\n', LINES],
  ['yielded undefined, which is no record', 'module.exports = function* () { yield undefined; yield 1; }', '1\n', LINES],
  ['a generator of Buffers', 'module.exports = function* () { yield Buffer.from("ab"); yield Buffer.from("c"); }', 'abc', BYTES],
  ['a web stream', 'module.exports = () => new Blob(["web"]).stream()', 'web', BYTES],
  ['a Buffer', 'module.exports = () => Buffer.from("raw")', 'raw', BYTES],
  ['a Readable of strings', `${STREAM} module.exports = () => Readable.from(["a", "b"])`, 'ab', TEXT],
  ['a Readable of Buffers', `${STREAM} module.exports = () => { const p = new PassThrough(); p.end("pass"); return p; }`, 'pass', BYTES],
  ['a Readable of objects', `${STREAM} module.exports = () => Readable.from([{ a: 1 }, { a: 2 }])`, '{"a":1}\n{"a":2}\n', LINES],
  ['a stream with contentType ndjson', `${STREAM} module.exports = () => Object.assign(Readable.from(["a", 1]), { contentType: "application/x-ndjson" })`, '"a"\n1\n', LINES],
  ['a stream with contentType text/x-ndjson', `${STREAM} module.exports = () => Object.assign(Readable.from(["a"]), { contentType: "text/x-ndjson" })`, '"a"\n', 'text/x-ndjson'],
  ['a generator with contentType text/plain', 'module.exports = () => Object.assign((function* () { yield "a"; yield 1; })(), { contentType: "text/plain" })', 'a1', TEXT],
  ['a string', 'module.exports = () => "plain"', 'plain', TEXT],
  ['an empty string', 'module.exports = () => ""', '', TEXT],
  ['a number', 'module.exports = () => 7', '7', TEXT],
  ['zero', 'module.exports = () => 0', '0', TEXT],
  ['a boolean', 'module.exports = async () => false', 'false', TEXT],
  ['undefined', 'module.exports = () => {}', '', undefined],
  ['an ended stream', `${STREAM} module.exports = async () => { const r = Readable.from([]); r.resume(); await require('events').once(r, 'close'); return r; }`, '', undefined],
  ['an empty array', 'module.exports = () => []', '', undefined],
];

test('accepted return values', async (t) => {
  const hub = await Hub.start(t);
  for (const [name, program, output, contentType] of RETURNS) {
    await t.test(name, async () => {
      const instance = hub.run(program);
      assert.strictEqual(await instance.all(), output);
      assert.strictEqual(await instance.exited, 0);
      const about = instance.messages.find((m) => m.type === 'output');
      assert.strictEqual(about && about.contentType, contentType);
      assert.ok(instance.messages.some((m) => m.type === 'completed'));
    });
  }
});

const FAILURES = [
  ['null', 'module.exports = () => null', /null/],
  ['a plain object', 'module.exports = () => ({ a: 1 })', /neither a stream nor iterable/],
  ['a throw', 'module.exports = () => { throw new Error("thrown"); }', /^thrown$/],
  ['a rejection', 'module.exports = async () => { throw new Error("rejected"); }', /^rejected$/],
  ['a thrown string', 'module.exports = async () => { throw "bare words"; }', /^bare words$/],
  ['a throwing generator', 'module.exports = function* () { yield 1; throw new Error("midway"); }', /^midway$/],
  ['a failing stream', `${STREAM} module.exports = () => new Readable({ read() { this.destroy(new Error("broken")); } })`, /^broken$/],
  ['a stream that had failed', `${STREAM} module.exports = async () => { const r = new Readable({ read() {} }); r.on('error', () => {}); r.destroy(new Error("before")); await new Promise(setImmediate); return r; }`, /^before$/],
  ['a circular object', 'module.exports = function* () { const a = {}; a.a = a; yield a; }', /circular/],
  ['a circular object in a stream', `${STREAM} module.exports = () => { const a = {}; a.a = a; return Readable.from([a]); }`, /circular/],
  ['a class', 'module.exports = class A {}', /without 'new'/],
  ['a chain without a value', 'module.exports = [() => undefined, (input) => input]', /SEQUENCE_ENDED_PREMATURE/],
  ['a chain with an object', 'module.exports = [() => ({}), (input) => input]', /neither a stream nor iterable/],
];

test('what fails while running ends with 23', async (t) => {
  const hub = await Hub.start(t);
  for (const [name, program, message] of FAILURES) {
    await t.test(name, async () => {
      const instance = hub.run(program);
      const failed = await instance.got('failed');
      assert.strictEqual(failed.phase, 'run');
      assert.strictEqual(failed.exitCode, 23);
      assert.match(failed.message, message);
      assert.strictEqual(await instance.exited, 23);
      assert.match(instance.text.stderr, new RegExp(message.source.replace(/[$^]/g, '')));
      assert.match(instance.text.log, /"level":"FATAL"/);
    });
  }
});

test('output before a failure arrives', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function* () { yield 1; yield 2; throw new Error("x"); }');
  assert.strictEqual(await instance.exited, 23);
  assert.strictEqual(instance.output(), '1\n2\n');
  assert.strictEqual(instance.out.ended, false);
});

test('topic and content type of the output are announced before its first byte', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`${STREAM} module.exports = () => Object.assign(new PassThrough(), { topic: 'names', contentType: 'text/plain' }).setEncoding('utf8')`);
  const about = await instance.got('output');
  assert.deepStrictEqual(about, { type: 'output', provides: 'names', contentType: TEXT, encoding: 'utf8' });
  assert.strictEqual(instance.out.received, 0);
});

test('a chain feeds each function with what the one before returned', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`
    module.exports = [
      function (input, step) { return [1, 2, 3].map((x) => x * step); },
      async function* (input, step) { for await (const x of input) yield x + step; },
      async function (input) { let sum = 0; for await (const x of input) sum += x; return sum; },
    ];`, { args: [10] });
  assert.strictEqual(await instance.all(), '90');
});

test('a program nobody reads stands still', async (t) => {
  const hub = await Hub.start(t);
  for (const [name, program] of [
    ['generator', 'module.exports = function* () { for (let i = 0; ; i++) { console.log(i); yield "x".repeat(1022); } }'],
    ['async generator', 'module.exports = async function* () { for (let i = 0; ; i++) { console.log(i); yield "x".repeat(1022); } }'],
    ['stream', `${STREAM} let i = 0; module.exports = () => new Readable({ objectMode: true, highWaterMark: 1, read() { console.log(i++); this.push({ a: "x".repeat(1016) }); } })`],
  ]) {
    await t.test(name, async () => {
      const instance = hub.run(program, {}, { window: 65536, ack: false });
      await instance.until(() => instance.out.received === 65536, 'a full window');
      instance.send('event', { name: 'none' }); // the runner answers still, so the loop has had its turn
      await instance.until(() => instance.queue.length === 0);
      const made = instance.text.stdout.trim().split('\n').length;
      assert.ok(made >= 64 && made <= 67, `${made} items of 1 KiB were made`);
      instance.sendWindow(65536); // and goes on with credit
      await instance.until(() => instance.out.received === 131072);
    });
  }
});

test('an endless generator leaves room for others', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function* () { for (;;) yield 1; }', {}, { window: 4 << 20, onOutput() {} });
  await instance.until(() => instance.out.received > 8 << 20);
  instance.send('kill');
  assert.strictEqual(await instance.exited, 137);
});
