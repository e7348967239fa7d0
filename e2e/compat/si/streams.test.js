'use strict';
// si inst: input, output, stdin, stdout, stderr, stdio, log.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { home, ok, json, run, refused, connect, launch, request, ended } = require('../lib/si');

test.before(connect);

test('input goes on over several commands, until -e', async () => {
  await launch('identity');
  fs.writeFileSync(path.join(home, 'lines.txt'), 'of a file\n');
  await ok(['inst', 'input', '-'], { input: 'typed\n' });
  await ok(['inst', 'input', '-', path.join(home, 'lines.txt')]);
  await ok(['inst', 'input', '-', '-e'], { input: 'the last\n' });
  assert.equal(await ok(['inst', 'output', '-']), 'typed\nof a file\nthe last\n');
  await ended((await json(['inst', 'info', '-'])).id);
  await refused(['inst', 'input', '-'], 410, /ended|not run/);
});

test('input has a type', async () => {
  await launch('objects');
  await ok(['inst', 'input', '-', '-t', 'application/x-ndjson', '-e'], { input: '{"a":1}\n{"a":2}\n' });
  assert.match(await ok(['inst', 'output', '-']), /"a":1/);
  await launch('identity');
  await refused(['inst', 'input', '-', '-t', 'image/png'], 415, /content type "image\/png"/);
  await ok(['inst', 'kill', '-']);
});

test('stdin, stdout, stderr and log', async () => {
  await launch('texts');
  await ok(['inst', 'stdin', '-'], { input: 'to stdin\n' });
  assert.equal(await ok(['inst', 'stdout', '-']), 'to stdout\nto stdin\n');
  assert.equal(await ok(['inst', 'stderr', '-']), 'to stderr\n');
  const entries = (await ok(['inst', 'log', '-'])).trim().split('\n').map((line) => JSON.parse(line));
  const own = entries.filter((e) => e.from === 'Sequence');
  assert.deepEqual(own.map((e) => e.level), ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']);
  assert.equal(own[0].msg, 'at trace');
  assert.deepEqual(own[0].data, [{ level: 'trace' }]);
});

test('stdio joins the three', async () => {
  await launch('texts');
  const { code, out, err } = await run(['inst', 'attach', '-'], { input: 'typed\n' });
  assert.deepEqual([code, out, err], [0, 'to stdout\ntyped\n', 'to stderr\n']);
});

test('inout: what newer versions of si ask', async () => {
  const id = await launch('identity');
  const both = await request('POST', `instance/${id}/inout`, {
    headers: { 'content-type': 'text/plain', 'x-end-stream': 'true' }, body: 'in and out\n',
  });
  assert.deepEqual([both.status, both.text], [200, 'in and out\n']);
});
