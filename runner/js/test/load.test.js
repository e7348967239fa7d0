'use strict';
// From `main` to functions, and what can go wrong on the way.

const { test } = require('node:test');
const assert = require('node:assert');
const { Hub } = require('./hub');

const FN = (name) => `module.exports = () => ${JSON.stringify(name)};`;
const ESM = (name) => `export default () => ${JSON.stringify(name)};`;
const MODULE = JSON.stringify({ type: 'module' });

const ENTRIES = [
  ['index', { 'index.js': FN('a') }, 'a'],
  ['./index', { 'index.js': FN('a') }, 'a'],
  ['index.js', { 'index.js': FN('a') }, 'a'],
  ['lib/main.js', { 'lib/main.js': FN('lib') }, 'lib'],
  ['.', { 'index.js': FN('folder') }, 'folder'],
  ['main.cjs', { 'main.cjs': FN('cjs'), 'package.json': MODULE }, 'cjs'],
  ['main', { 'main.cjs': FN('cjs') }, 'cjs'],
  ['main.mjs', { 'main.mjs': ESM('mjs') }, 'mjs'],
  ['main', { 'main.mjs': ESM('mjs') }, 'mjs'],
  ['index.js', { 'index.js': ESM('esm'), 'package.json': MODULE }, 'esm'],
  ['index.js', { 'index.js': "await null; export default [() => [1], async function* (i) { for await (const x of i) yield x + 1 }];", 'package.json': MODULE }, '2\n'],
  ['index.js', { 'index.js': 'exports.default = () => "default";' }, 'default'],
  ['index.js', { 'index.js': 'exports.__esModule = true; exports.default = () => "transpiled"; exports.other = 1;' }, 'transpiled'],
  ['index.mjs', { 'index.mjs': "export { default } from './old.cjs';", 'old.cjs': 'exports.__esModule = true; exports.default = () => "twice";' }, 'twice'],
  ['index.js', { 'index.js': "module.exports = require('./dep.mjs').default", 'dep.mjs': ESM('required esm') }, 'required esm', 22],
];

test('entry files', async (t) => {
  const hub = await Hub.start(t);
  for (const [main, files, output, minimum] of ENTRIES) {
    if (minimum && Number(process.versions.node.split('.')[0]) < minimum) continue;
    await t.test(`${main} in ${Object.keys(files)}`, async () => {
      const instance = hub.run(files, { main });
      assert.strictEqual(await instance.all(), output);
      assert.strictEqual(await instance.exited, 0);
    });
  }
});

const FAILURES = [
  ['a missing entry', { 'other.js': FN('x') }, 'gone.js', 'entrypoint', 21, /^Sequence entrypoint path gone\.js is invalid\. Check `main` field in Sequence package\.json$/],
  ['an entry outside the package', { 'index.js': FN('x') }, '../../etc/passwd', 'entrypoint', 21, /entrypoint path/],
  ['a throw at load', { 'index.js': 'throw new Error("at load");' }, 'index.js', 'load', 22, /^at load$/],
  ['a throw in an ES module', { 'index.mjs': 'throw new Error("at load");' }, 'index.mjs', 'load', 22, /^at load$/],
  ['a throw of nothing', { 'index.js': 'throw null;' }, 'index.js', 'load', 22, /^null$/],
  ['a throw of nothing in an ES module', { 'index.mjs': 'throw undefined;' }, 'index.mjs', 'load', 22, /^undefined$/],
  ['a syntax error', { 'index.js': 'module.exports = (' }, 'index.js', 'load', 22, /Unexpected/],
  ['a missing dependency', { 'index.js': "require('no-such-module');" }, 'index.js', 'load', 22, /Cannot find module 'no-such-module'/],
  ['no function', { 'index.js': 'module.exports = { a: 1 };' }, 'index.js', 'load', 22, /must export a function/],
  ['an empty array', { 'index.js': 'module.exports = [];' }, 'index.js', 'load', 22, /no function/],
  ['a declaration only', { 'index.js': "module.exports = [{ requires: 't', contentType: 'text/plain' }];" }, 'index.js', 'load', 22, /no function/],
  ['an unknown first item', { 'index.js': 'module.exports = [{ a: 1 }, () => 1];' }, 'index.js', 'load', 22, /first item/],
  ['a later item that is no function', { 'index.js': 'module.exports = [() => 1, 2];' }, 'index.js', 'load', 22, /item 2/],
];

test('failures before the program runs', async (t) => {
  const hub = await Hub.start(t);
  for (const [name, files, main, phase, code, message] of FAILURES) {
    await t.test(name, async () => {
      const instance = hub.run(files, { main });
      const failed = await instance.got('failed');
      assert.strictEqual(failed.phase, phase);
      assert.strictEqual(failed.exitCode, code);
      assert.match(failed.message, message);
      assert.ok(!instance.messages.some((m) => m.type === 'ready'));
      assert.strictEqual(await instance.exited, code);
    });
  }
});

test('a declared topic is reported and its content type decodes the input', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = [
    { requires: 'temps', contentType: 'application/x-ndjson' },
    async function* (input) { for await (const x of input) yield x.t; },
  ];`);
  assert.deepStrictEqual(await instance.got('ready'), { type: 'ready', requires: 'temps', contentType: 'application/x-ndjson' });
  instance.end('{"t":1}\n{"t":2}\n'); // no input message: the declaration decides
  assert.strictEqual(await instance.all(), '1\n2\n');
});

test('the environment of a program', async (t) => {
  const hub = await Hub.start(t);
  const files = {
    'index.js': `module.exports = () => [process.argv[1] === __filename, process.argv.length, process.title, process.env, process.cwd()];`,
  };
  const instance = hub.run(files, {
    env: { GIVEN: 'by hub' },
    sequence: { id: 'id', config: { name: 'my-program' } },
  }, { env: { WAVERIDER_OTHER: 'x', KEPT: 'y' } });
  const [argv, length, title, env, cwd] = (await instance.all()).trim().split('\n').map((l) => JSON.parse(l));
  assert.strictEqual(argv, true);
  assert.strictEqual(length, 2);
  assert.strictEqual(title, 'waverider: my-program');
  assert.strictEqual(env.GIVEN, 'by hub');
  assert.strictEqual(env.KEPT, 'y');
  assert.deepStrictEqual(Object.keys(env).filter((name) => name.startsWith('WAVERIDER')), []);
  assert.strictEqual(cwd, require('node:fs').realpathSync(hub.dir));
});

test('a runner without its environment says so', async () => {
  const { spawnSync } = require('node:child_process');
  const { status, stderr } = spawnSync(process.execPath, [require.resolve('../main.js')], { env: {}, encoding: 'utf8' });
  assert.strictEqual(status, 20);
  assert.match(stderr, /WAVERIDER_CHANNEL/);
});
