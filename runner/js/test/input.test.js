'use strict';
// What a program gets as its input.

const { test } = require('node:test');
const assert = require('node:assert');
const { Hub } = require('./hub');

const LINES = 'application/x-ndjson', TEXT = 'text/plain', BYTES = 'application/octet-stream';
const PASS = "const { PassThrough } = require('stream'); module.exports = (input) => input.pipe(new PassThrough());";

// SHOW yields each item with its type.
const SHOW = `module.exports = async function* (input) {
  for await (const item of input) yield [Buffer.isBuffer(item) ? 'buffer' : typeof item, String(item.a || item)];
}`;

function lines(output) {
  return output.trim().split('\n').map((line) => JSON.parse(line));
}

const TYPES = [
  [LINES, '{"a":1}\n{"a":2}\n', [['object', '1'], ['object', '2']]],
  ['text/x-ndjson', '{"a":1}\n', [['object', '1']]],
  ['application/x-ndjson; charset=utf-8', '{"a":1}\n', [['object', '1']]],
  [LINES, '{"a":1}\n{"a":2}', [['object', '1'], ['object', '2']]],
  [LINES, '{"a":1}\r\n\n{"a":2}\r\n', [['object', '1'], ['object', '2']]],
  [LINES, '"s"\n7\n', [['string', 's'], ['number', '7']]],
  [TEXT, 'two\nlines\n', [['string', 'two\nlines\n']]],
  ['text/plain; charset=utf-8', 'x', [['string', 'x']]],
  ['TEXT/Plain', 'x', [['string', 'x']]],
  [BYTES, 'raw', [['buffer', 'raw']]],
  ['application/octet-stream;a=b', 'raw', [['buffer', 'raw']]],
];

test('items by content type', async (t) => {
  const hub = await Hub.start(t);
  for (const [contentType, data, items] of TYPES) {
    await t.test(`${contentType} ${JSON.stringify(data)}`, async () => {
      const instance = hub.run(SHOW);
      instance.send('input', { contentType });
      instance.end(data);
      assert.deepStrictEqual(lines(await instance.all()), items);
    });
  }
});

test('null is an item for those who iterate', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = async function* (input) { for await (const x of input) yield [x]; }');
  instance.send('input', { contentType: LINES });
  instance.end('1\nnull\n2\n');
  assert.deepStrictEqual(lines(await instance.all()), [[1], [null], [2]]);
});

test('a bad line is logged with its number and skipped', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = (input) => input');
  instance.send('input', { contentType: LINES });
  instance.end('{"a":1}\n\n{"a":\n1,2\n[3\n4]\n{"a":5}\n');
  assert.strictEqual(await instance.all(), '{"a":1}\n{"a":5}\n');
  for (const line of [3, 4, 5, 6]) {
    const entry = await instance.logged(new RegExp(`input line ${line} is not JSON`));
    assert.strictEqual(entry.level, 'ERROR');
  }
});

test('the first content type decides', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(SHOW);
  instance.send('input', { contentType: TEXT });
  instance.send('input', { contentType: LINES });
  instance.end('{"a":1}\n');
  assert.deepStrictEqual(lines(await instance.all()), [['string', '{"a":1}\n']]);
});

test('an unknown content type is an error of the input', async (t) => {
  const hub = await Hub.start(t);
  for (const program of [SHOW, 'module.exports = (input) => input']) {
    const instance = hub.run(program);
    instance.send('input', { contentType: 'image/png' });
    instance.end('x');
    const failed = await instance.got('failed');
    assert.match(failed.message, /Content-Type "image\/png" is not supported as input/);
    assert.strictEqual((await instance.logged(/image\/png/)).level, 'ERROR');
  }
  const caught = hub.run('module.exports = (input) => new Promise((done) => input.on("error", (err) => done(err.message)).resume())');
  caught.send('input', { contentType: 'image/png' });
  caught.end('x');
  assert.match(await caught.all(), /not supported/);
});

test('an input that ends without a type or a byte is empty', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = async function* (input) { let n = 0; for await (const x of input) n++; yield n; }');
  instance.end();
  assert.strictEqual(await instance.all(), '0\n');
});

test('functions are called before any input has come', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function (input, a, b) { console.log(typeof input.pipe, a, b); return input; }', { args: ['x', { y: 1 }] });
  await instance.until(() => /function x/.test(instance.text.stdout));
  assert.match(instance.text.stdout, /function x \{ y: 1 \}/);
});

// Ways to read: each program passes on the objects it gets.
const READERS = {
  'for await': 'async function* (input) { for await (const x of input) yield x; }',
  'data events': "function (input) { const p = new PassThrough({ objectMode: true }); input.on('data', (x) => { if (!p.write(x)) { input.pause(); p.once('drain', () => input.resume()); } }).on('end', () => p.end()); return p; }",
  'readable events': "function (input) { const p = new PassThrough({ objectMode: true }); input.on('readable', () => { let x; while ((x = input.read()) !== null) p.write(x); }).on('end', () => p.end()); return p; }",
  pipe: 'function (input) { return input.pipe(new PassThrough({ objectMode: true })); }',
  pipeline: "function (input) { const p = new PassThrough({ objectMode: true }); require('stream').pipeline(input, p, () => {}); return p; }",
  'the input itself': 'function (input) { return input; }',
  'the input itself, watched': "function (input) { input.on('data', () => {}); return input; }",
  'iterator()': 'async function* (input) { for await (const x of input.iterator()) yield x; }',
  'next() by hand, several at once': `async function* (input) {
    const it = input[Symbol.asyncIterator]();
    for (;;) for (const r of await Promise.all([it.next(), it.next(), it.next()])) { if (r.done) return; yield r.value; }
  }`,
};

test('every way to read gives everything in order', async (t) => {
  const hub = await Hub.start(t);
  const data = Array.from({ length: 20000 }, (_, i) => `{"i":${i},"text":"żółw ${'x'.repeat(i % 50)}"}\n`).join('');
  const bytes = Buffer.from(data);
  for (const [name, fn] of Object.entries(READERS)) {
    await t.test(name, async () => {
      const instance = hub.run(`const { PassThrough } = require('stream'); module.exports = ${fn}`);
      instance.send('input', { contentType: LINES });
      for (let at = 0, n = 1; at < bytes.length; at += n, n = (n * 7) % 9973) instance.write(bytes.subarray(at, at + n));
      instance.end();
      assert.ok(await instance.all() === data, 'the output differs');
      assert.strictEqual(await instance.exited, 0);
    });
  }
});

test('text is never cut inside a code point', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = async function* (input) { for await (const x of input) { if (x.includes("\\ufffd")) throw new Error("cut"); yield x; } }');
  instance.send('input', { contentType: TEXT });
  const text = 'aż€😀'.repeat(100);
  for (const byte of Buffer.from(text)) {
    instance.write([byte]);
    await instance.until(() => instance.input.acked === instance.input.next, 'the byte is with the program');
  }
  instance.end();
  assert.strictEqual(lines(await instance.all()).join(''), text);
});

test('bytes and text that pass through are the very same', async (t) => {
  const hub = await Hub.start(t);
  const bytes = require('node:crypto').randomBytes(3_000_000);
  for (const [contentType, program] of [[BYTES, PASS], [BYTES, 'module.exports = (input) => input'], [TEXT, 'module.exports = (input) => input']]) {
    const instance = hub.run(program);
    instance.send('input', { contentType });
    instance.end(bytes);
    await instance.all();
    assert.ok(Buffer.concat(instance.out.parts).equals(bytes));
    assert.strictEqual(instance.messages.find((m) => m.type === 'output').contentType, contentType);
  }
});

test('input nobody takes stays with the Hub', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = function (input) {
    this.on('go', () => input.on('data', () => {}).on('end', () => this.emit('read')));
    return new Promise(() => {});
  }`);
  instance.send('input', { contentType: BYTES });
  instance.end(Buffer.alloc(11 << 20));
  await instance.until(() => instance.input.acked === 4 << 20, 'the window is full');
  assert.strictEqual(instance.input.limit, 4 << 20);
  assert.strictEqual(instance.input.sent, 4 << 20);
  instance.send('event', { name: 'go' });
  await instance.until(() => instance.messages.some((m) => m.type === 'event' && m.name === 'read'));
  assert.strictEqual(instance.input.acked, 11 << 20);
});

test('credit comes back as the program takes, not before', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = async function* (input) {
    const items = input[Symbol.asyncIterator]();
    for (;;) {
      await new Promise((go) => this.emitter.once('take', go));
      const { value, done } = await items.next();
      if (done) return;
      yield value.length;
    }
  }`);
  instance.send('input', { contentType: TEXT });
  instance.end('x'.repeat(6 << 20));
  await instance.until(() => instance.input.acked === 4 << 20);
  let taken = 0;
  while (taken < 6 << 20) {
    const had = instance.out.received;
    instance.send('event', { name: 'take' });
    await instance.until(() => instance.out.received > had);
    taken = lines(instance.output()).reduce((a, b) => a + b, 0);
    assert.ok(instance.input.limit <= taken + (4 << 20), `limit ${instance.input.limit} with ${taken} taken`);
  }
  instance.send('event', { name: 'take' });
  await instance.all();
});

test('one line longer than the window', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = async function* (input) { for await (const x of input) yield x.length; }');
  instance.send('input', { contentType: LINES });
  instance.end(`"${'x'.repeat(9 << 20)}"\n"y"\n`);
  assert.strictEqual(await instance.all(), `${9 << 20}\n1\n`);
});

test('a program that leaves off early ends', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = async function (input) {
    for await (const x of input) return 'first ' + x.a;
  }`);
  instance.send('input', { contentType: LINES });
  instance.write('{"a":1}\n{"a":2}\n');
  assert.strictEqual(await instance.all(), 'first 1');
  assert.strictEqual(await instance.exited, 0);
});

test('a program that returns nothing and reads by events lives until its input ends', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function (input) { input.on("data", (x) => this.emit("got", x)); }');
  instance.send('input', { contentType: LINES });
  instance.write('1\n');
  await instance.got('event', 1);
  instance.write('2\n');
  await instance.got('event', 2);
  assert.strictEqual(instance.out.ended, false);
  instance.end();
  assert.strictEqual(await instance.all(), '');
  assert.strictEqual(await instance.exited, 0);
});

test('listeners of end and close get theirs', async (t) => {
  const hub = await Hub.start(t);
  for (const body of ['return input;', 'return (async function* () { for await (const x of input) yield x; })();']) {
    const instance = hub.run(`module.exports = function (input) {
      input.on('end', () => console.log('end')).on('close', () => console.log('close'));
      ${body}
    }`);
    instance.send('input', { contentType: LINES });
    instance.end('1\n');
    assert.strictEqual(await instance.all(), '1\n');
    await instance.exited;
    assert.strictEqual(instance.text.stdout, 'end\nclose\n');
  }
});
