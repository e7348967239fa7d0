'use strict';
// InstanceClient: input, output, stdin, stdout, stderr, log.

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { Readable } = require('node:stream');
const test = require('node:test');
const { launch, text, values, until, follow, ended, fails, raw } = require('../lib/hub');

test('text goes in and comes out', async (t) => {
  const instance = await launch(t, 'identity');
  await instance.sendInput(Readable.from(['one ', 'zwölf\n']), {}, { type: 'text/plain', end: true });
  assert.equal(await text(await instance.getStream('output')), 'one zwölf\n');
  const info = await instance.getInfo();
  assert.equal(info.input.contentType, 'text/plain');
});

test('bytes come out as they went in', async (t) => {
  const instance = await launch(t, 'identity');
  const bytes = randomBytes(3 << 20);
  const output = instance.getStream('output');
  await instance.sendStream('input', Readable.from([bytes]), {}, { type: 'application/octet-stream', end: true });
  const parts = [];
  for await (const part of await output) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(bytes), 'the bytes differ');
});

test('objects come in and go out as JSON lines', async (t) => {
  const instance = await launch(t, 'objects');
  const lines = Array.from({ length: 500 }, (_, n) => `${JSON.stringify({ n })}\n`);
  await instance.sendInput(Readable.from(lines), {}, { type: 'application/x-ndjson', end: true });
  const got = await values(await instance.getStream('output'));
  assert.deepEqual(got, lines.map((line) => ({ ...JSON.parse(line), seen: true })));
});

test('input stays open when asked to, and ends when asked to', async (t) => {
  const instance = await launch(t, 'identity');
  const output = follow(await instance.getStream('output'));
  await instance.sendInput(Readable.from(['first ']), {}, { type: 'text/plain', end: false });
  await output.until('first '); // the client is answered before its body has gone
  const { status } = await raw('POST', `instance/${instance.id}/input`, { headers: { 'x-end-stream': 'false' }, body: 'second ' });
  assert.equal(status, 202);
  await output.until('second ');
  await instance.sendInput(Readable.from(['last']), {}, { type: 'text/plain' });
  assert.equal(await output.end, 'first second last');
  await fails(instance.sendInput(Readable.from(['late']), {}, { type: 'text/plain' }), 'GONE', 410, /ended|does not run any more/);
});

test('the type of the input is demanded, fixed by the first body, and checked', async (t) => {
  const instance = await launch(t, 'identity');
  const where = `instance/${instance.id}/input`;
  const send = (headers) => raw('POST', where, { headers: { 'x-end-stream': 'false', ...headers }, body: new Uint8Array([120]) });
  assert.equal((await send({})).status, 406);
  assert.equal((await send({ 'content-type': 'image/png' })).status, 415);
  assert.equal((await send({ 'content-type': 'text/plain; charset=utf-8' })).status, 202);
  assert.equal((await send({})).status, 202);
  const other = await send({ 'content-type': 'application/octet-stream' });
  assert.equal(other.status, 415);
  assert.match(other.json.error, /text\/plain/);
});

test('a generator waits for its reader', async (t) => {
  const instance = await launch(t, 'generator', { args: [100000] });
  const got = await values(await instance.getStream('output'));
  assert.equal(got.length, 100000);
  assert.deepEqual(got.at(-1), { n: 100000 });
});

test('what nobody read is there after the end', async (t) => {
  const instance = await launch(t, 'generator', { args: [3] });
  const info = await ended(instance);
  assert.equal(info.status, 'completed');
  assert.deepEqual(await values(await instance.getStream('output')), [{ n: 1 }, { n: 2 }, { n: 3 }]);
  assert.equal(await text(await instance.getStream('output')), '');
});

test('two readers of the output each get all of it', async (t) => {
  const instance = await launch(t, 'identity');
  const readers = [await instance.getStream('output'), await instance.getStream('output')];
  await instance.sendInput(Readable.from(['to both']), {}, { type: 'text/plain', end: true });
  assert.deepEqual(await Promise.all(readers.map(text)), ['to both', 'to both']);
});

test('stdout, stderr and log are streams of their own; stdin is copied', async (t) => {
  const instance = await launch(t, 'texts');
  await instance.sendStream('stdin', Readable.from(['typed ']), {}, { end: false });
  await instance.sendStdin(Readable.from(['in\n']));
  await ended(instance);
  const { text: err } = await raw('GET', `instance/${instance.id}/stderr?from=start`);
  assert.equal(err, 'to stderr\n');
  assert.equal(await text(await instance.getStream('stdout')), 'to stdout\ntyped in\n');
  const log = await values(await instance.getStream('log'));
  const own = log.filter((entry) => entry.from === 'Sequence');
  assert.deepEqual(own.map((e) => e.level), ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']);
  for (const entry of own) {
    assert.equal(entry.msg, `at ${entry.level.toLowerCase()}`);
    assert.equal(typeof entry.ts, 'number');
  }
  const last = log.at(-1);
  assert.equal(last.from, 'Hub');
  assert.equal(last.msg, 'Instance ended: Instance completed (exit code 0)');
});

test('a reader of stdout goes on where the one before it stopped', async (t) => {
  const instance = await launch(t, 'texts');
  const leave = new AbortController();
  const first = await instance.clientUtils.getStream(`instance/${instance.id}/stdout`, { signal: leave.signal });
  assert.equal(await until(first, '\n'), 'to stdout\n');
  first.on('error', () => {}); // that it was left
  leave.abort();
  await instance.sendStdin(Readable.from(['more\n']));
  await ended(instance);
  assert.equal(await text(await instance.getStream('stdout')), 'more\n');
  const { text: all } = await raw('GET', `instance/${instance.id}/stdout?from=start`);
  assert.equal(all, 'to stdout\nmore\n');
});

test('inout answers with the output while it takes the input', async (t) => {
  const instance = await launch(t, 'identity');
  const { status, text: out } = await raw('POST', `instance/${instance.id}/inout`, {
    headers: { 'content-type': 'text/plain', 'x-end-stream': 'true' }, body: 'there and back',
  });
  assert.equal(status, 200);
  assert.equal(out, 'there and back');
});

test('a stream that is none is not found', async (t) => {
  const instance = await launch(t, 'identity');
  await fails(instance.getStream('nothing'), 'NOT_FOUND', 404);
  await fails(instance.sendStream('nothing', Readable.from(['x'])), 'NOT_FOUND', 404);
});
