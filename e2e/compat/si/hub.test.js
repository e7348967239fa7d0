'use strict';
// si hub and si topic.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { url, home, ok, json, run, until, connect, launch, request, ended } = require('../lib/si');

const LINES = 'application/x-ndjson';

test.before(connect);

test('hub version, load and logs', async () => {
  assert.deepEqual(Object.keys(await json(['hub', 'version'])), ['service', 'apiVersion', 'version', 'build']);
  const load = await json(['hub', 'load']);
  assert.ok(load.memFree > 0 && load.fsSize.length > 0);
  const log = await until(['hub', 'logs'], '\n');
  assert.equal(JSON.parse(log.split('\n')[0]).msg, 'hub running');
});

test('hub audit: what newer versions of si ask', async () => {
  await ok(['seq', 'ls']);
  const id = await launch('arguments');
  for (let started; !started; ) { // the record comes after the answer
    const records = (await request('GET', 'audit?follow=false')).text.trim().split('\n').map((line) => JSON.parse(line));
    started = records.find((r) => r.opCode === 10117 && r.opState === 'END');
  }
  await ended(id);
  const leave = new AbortController();
  const { body } = await fetch(`${url}/audit`, { signal: leave.signal }); // as si does: without parameters
  for await (const part of body) {
    assert.equal(JSON.parse(Buffer.from(part).toString().split('\n')[0]).opState, 'START');
    break;
  }
  leave.abort();
});

test('topics are sent to, read and listed', async () => {
  fs.writeFileSync(path.join(home, 'data.ndjson'), '{"n":2}\n');
  await ok(['topic', 'send', 'numbers', '-t', LINES], { input: '{"n":1}\n' });
  await ok(['topic', 'send', 'numbers', path.join(home, 'data.ndjson'), '-t', LINES]);
  assert.equal(await until(['topic', 'get', 'numbers'], '{"n":2}\n'), '{"n":1}\n{"n":2}\n');
  const [topic] = await json(['topic', 'ls']);
  assert.deepEqual([topic.topicName, topic.topic, topic.contentType, topic.localProvider], ['numbers', 'numbers', LINES, '']);
  const other = await run(['topic', 'send', 'numbers'], { input: 'text\n' }); // text/plain unless said
  assert.equal(other.code, 1);
  assert.match(other.out, /Unsupported content-type/);
  await ok(['topic', 'send', 'words'], { input: 'one\n' });
  assert.equal(await until(['topic', 'get', 'words'], 'one\n'), 'one\n');
});

test('programs are joined by Topics', async () => {
  const dir = path.join(home, 'declares');
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'package.json'), '{"name":"declares","version":"1.0.0","main":"index.js"}');
  fs.writeFileSync(path.join(dir, 'index.js'), `module.exports = [{ requires: 'declared-in', contentType: '${LINES}' }, async function* (input) {
    for await (const { n } of input) yield { twice: 2 * n };
  }];`);
  await ok(['seq', 'pack', dir, '-o', path.join(home, 'declares.tar.gz')]);
  await ok(['seq', 'send', '-']);
  await ok(['topic', 'send', 'given-in', '-t', LINES], { input: '{"n":21}\n' });
  await ok(['seq', 'start', '-', '--input-topic', 'given-in', '--output-topic', 'given-out']);
  const info = await json(['inst', 'info', '-']);
  assert.deepEqual([info.requires, info.provides], ['given-in', 'given-out']);
  assert.equal(await until(['topic', 'get', 'given-out'], '\n'), '{"twice":42}\n');
  await ok(['inst', 'kill', '-']);
});

test('topic create and delete: what newer versions of si ask', async () => {
  const created = await request('POST', 'topics', {
    headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id: 'made', 'content-type': LINES }),
  });
  assert.equal(created.status, 200);
  assert.ok((await json(['topic', 'ls'])).some((t) => t.topicName === 'made'));
  assert.equal((await request('DELETE', 'topics/made')).status, 200);
  assert.ok(!(await json(['topic', 'ls'])).some((t) => t.topicName === 'made'));
});
