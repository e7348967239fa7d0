'use strict';
// Programs written with the scramjet library, bundled or their own.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Hub } = require('./hub');

const BUNDLE = path.join(__dirname, '..', 'vendor', 'scramjet.js');
const OWN = path.join(__dirname, '..', 'node_modules');
const LINES = 'application/x-ndjson', TEXT = 'text/plain', BYTES = 'application/octet-stream';
const skip = !fs.existsSync(BUNDLE) && 'the library is not built: npm run build';

const PROGRAMS = [
  ['map on objects', 'module.exports = (input) => input.map((x) => ({ b: x.a + 1 }))', LINES, '{"a":1}\n{"a":2}\n', '{"b":2}\n{"b":3}\n', LINES],
  ['filter and map, async', 'module.exports = (input) => input.filter(async (x) => x.a > 1).map(async (x) => x.a)', LINES, '{"a":1}\n{"a":2}\n{"a":3}\n', '2\n3\n', LINES],
  ['lines of text', 'module.exports = (input) => input.lines().filter((line) => line).map((line) => line.toUpperCase() + "!\\n")', TEXT, 'a\nb\n', 'A!\nB!\n', TEXT],
  ['JSONParse', 'module.exports = (input) => input.JSONParse().map((x) => x.a)', TEXT, '{"a":1}\n{"a":2}\n', '1\n2\n', LINES],
  ['CSVParse', 'module.exports = (input) => input.CSVParse({ header: true, delimiter: ",", skipEmptyLines: true })', TEXT, 'x,y\n1,2\n3,4\n', '{"x":"1","y":"2"}\n{"x":"3","y":"4"}\n', LINES],
  ['batch', 'module.exports = (input) => input.batch(2)', LINES, '1\n2\n3\n', '[1,2]\n[3]\n', LINES],
  ['flatMap', 'module.exports = (input) => input.flatMap((x) => [x, x])', LINES, '1\n2\n', '1\n1\n2\n2\n', LINES],
  ['reduce', 'module.exports = async (input) => input.reduce((a, x) => a + x, 0)', LINES, '1\n2\n3\n', '6', TEXT],
  ['toArray', 'module.exports = async (input) => input.toArray()', LINES, '1\n2\n', '1\n2\n', LINES],
  ['each and run', 'module.exports = async (input) => { let n = 0; await input.each((x) => { n += x; }).run(); return n; }', LINES, '1\n2\n', '3', TEXT],
  ['stringify', 'module.exports = (input) => input.stringify((x) => x.a + ";")', LINES, '{"a":1}\n{"a":2}\n', '1;2;', TEXT],
  ['bufferify', 'module.exports = (input) => input.bufferify((x) => Buffer.from(x.a))', LINES, '{"a":"x"}\n{"a":"y"}\n', 'xy', BYTES],
  ['breakup of bytes', 'module.exports = (input) => input.breakup(2).map((b) => Buffer.concat([b, Buffer.from("|")]))', BYTES, 'abcdef', 'ab|cd|ef|', BYTES],
  ['a DataStream of its own', 'const { DataStream } = require("scramjet"); module.exports = (input) => DataStream.from(input).map((x) => x * 2)', LINES, '1\n2\n', '2\n4\n', LINES],
  ['StringStream.from', 'const { StringStream } = require("scramjet"); module.exports = (input) => StringStream.from(input).split("\\n").filter((x) => x).map((x) => `<${x}>`)', TEXT, 'a\nb\n', '<a><b>', TEXT],
  ['use of a chain', 'module.exports = [(input) => input.map((x) => x + 1), (input) => input.map((x) => x * 10)]', LINES, '1\n2\n', '20\n30\n', LINES],
  ['map on what a Node stream passed on', "const { PassThrough } = require('stream'); module.exports = [(input) => input.pipe(new PassThrough({ objectMode: true })), (input) => input.map((x) => x + 1).batch(2)]", LINES, '1\n2\n', '[2,3]\n', LINES],
  ['batch on what a generator passed on', 'module.exports = [async function* (input) { yield* input; }, (input) => input.batch(2)]', LINES, '1\n2\n', '[1,2]\n', LINES],
  ['do, tee, catch', 'module.exports = (input) => input.map((x) => { if (x === 2) throw new Error("two"); return x; }).catch(() => "caught")', LINES, '1\n2\n3\n', '1\n"caught"\n3\n', LINES],
];

async function check(t, packageFiles) {
  const hub = await Hub.start(t);
  for (const [name, program, contentType, input, output, outType] of PROGRAMS) {
    await t.test(name, async () => {
      const instance = hub.spawn();
      const folder = hub.package({ 'index.js': program });
      packageFiles(folder);
      instance.start({ package: folder, main: 'index.js', scramjet: BUNDLE });
      instance.send('input', { contentType });
      instance.end(input);
      assert.strictEqual(await instance.all(), output);
      assert.strictEqual(await instance.exited, 0);
      assert.strictEqual(instance.messages.find((m) => m.type === 'output').contentType, outType);
    });
  }
}

test('the bundled library', { skip }, (t) => check(t, () => {}));

test('a package\'s own library', { skip: skip || !fs.existsSync(OWN) }, (t) => check(t, (folder) => fs.symlinkSync(OWN, path.join(folder, 'node_modules'))));

test('a package\'s own copy wins', { skip }, async (t) => {
  const hub = await Hub.start(t);
  const files = { 'index.js': 'module.exports = () => require("scramjet").mine;', 'node_modules/scramjet/index.js': 'exports.mine = "own";' };
  const instance = hub.run(files, { scramjet: BUNDLE });
  assert.strictEqual(await instance.all(), 'own');
});

test('ES modules import the bundled library', { skip: skip || (!require('node:module').register && 'this Node has no resolve hooks') }, async (t) => {
  const hub = await Hub.start(t);
  const files = {
    'index.mjs': "import scramjet, { DataStream } from 'scramjet'; export default (input) => DataStream.from(input).map((x) => [x, scramjet.DataStream === DataStream]);",
  };
  const instance = hub.run(files, { main: 'index.mjs', scramjet: BUNDLE });
  instance.send('input', { contentType: LINES });
  instance.end('1\n');
  assert.strictEqual(await instance.all(), '[1,true]\n');
});

test('programs that use plain Node never load it', { skip }, async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`const { PassThrough } = require('stream');
    module.exports = async function* (input) {
      for await (const x of input.pipe(new PassThrough({ objectMode: true }))) yield x;
      yield Object.keys(require.cache).some((name) => name.includes('scramjet.js') && name.includes('vendor'));
    }`, { scramjet: BUNDLE });
  instance.send('input', { contentType: LINES });
  instance.end('1\n');
  assert.strictEqual(await instance.all(), '1\nfalse\n');
});

test('a scramjet program nobody reads stands still', { skip }, async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = (input) => input.map((x) => x)', { scramjet: BUNDLE }, { ack: false, window: 65536 });
  instance.send('input', { contentType: LINES });
  const line = `"${'x'.repeat(1021)}"\n`;
  instance.end(line.repeat(12000));
  await instance.until(() => instance.out.received === 65536);
  await instance.until(() => instance.input.acked === instance.input.sent && instance.input.sent === instance.input.limit, 'credit used up');
  assert.ok(instance.input.limit < (4 << 20) + (1 << 20), `${instance.input.limit} bytes of input taken`);
  instance.ack = true;
  instance.sendWindow(65536);
  assert.ok(await instance.all() === line.repeat(12000));
});

test('without the bundle Node\'s own methods stay and others say what is missing', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = (input) => input.map((x) => x.a)');
  instance.send('input', { contentType: LINES });
  instance.end('{"a":1}\n');
  assert.strictEqual(await instance.all(), '1\n');
  const lacking = hub.run('module.exports = (input) => input.batch(2)');
  assert.match((await lacking.got('failed')).message, /built without the scramjet library/);
});

test('every method of the library is there', { skip }, () => {
  const library = require(BUNDLE);
  const { DATA, STRING, BUFFER } = require('../scramjet');
  const { Readable, Transform } = require('node:stream');
  const internal = ['constructor', 'constructed', '_options', 'name', 'setMaxListeners', 'whenDrained', 'whenWrote', 'whenFinished',
    'dropTransform', 'pushTransform', '_selfInstance', '_transform', '_flush', 'pipe', 'unshift'];
  const missing = new Set();
  for (const Class of [library.DataStream, library.StringStream, library.BufferStream]) {
    for (let proto = Class.prototype; proto !== Transform.prototype && proto !== Readable.prototype; proto = Object.getPrototypeOf(proto)) {
      for (const method of Object.getOwnPropertyNames(proto)) {
        if (![...DATA, ...STRING, ...BUFFER, ...internal].includes(method)) missing.add(method);
      }
    }
  }
  assert.deepStrictEqual([...missing], []);
});
