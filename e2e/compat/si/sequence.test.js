'use strict';
// si seq: pack, send, list, get, use, start, deploy, delete.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const tar = require('tar');
const { home, sequences, ok, json, run, refused, wrong, connect, launch, request, ended } = require('../lib/si');

const told = async () => JSON.parse(await ok(['inst', 'output', '-']));

test.before(connect);

test('a program is packed, sent, listed, started and deleted, each time as -', async () => {
  await ok(['seq', 'pack', path.join(sequences, 'arguments'), '-o', path.join(home, 'a.tar.gz')]);
  const sent = (await json(['seq', 'send', '-']))._id;
  const [listed, ...others] = await json(['seq', 'list']);
  assert.deepEqual(others, []);
  assert.equal(listed.id, sent);
  assert.equal(listed.config.name, 'compat-arguments');
  assert.deepEqual(listed.instances, []);
  assert.deepEqual(await json(['seq', 'get', '-']), listed);
  assert.deepEqual((await request('GET', `sequence/${sent}`)).json(), listed); // seq info

  const started = (await json(['seq', 'start', '-', '--args', '["a",{"b":1}]', '-s', '{"unit":"C"}', '--limits', '{"memory":256}']))._id;
  const info = await json(['inst', 'info', '-']);
  assert.equal(info.id, started);
  assert.equal(info.sequence.id, sent);
  assert.deepEqual(info.limits, { memory: 256 });
  assert.deepEqual(await told(), { args: ['a', { b: 1 }], config: { unit: 'C' }, instanceId: started });

  fs.writeFileSync(path.join(home, 'config.json'), '{"from":"a file"}');
  const second = (await json(['seq', 'start', sent, '-f', path.join(home, 'config.json')]))._id;
  assert.deepEqual((await told()).config, { from: 'a file' });
  for (const id of [started, second]) await ended(id); // a Sequence in use is not deleted

  assert.deepEqual(await json(['seq', 'delete', '-']), { id: sent });
  assert.deepEqual(await json(['seq', 'ls']), []);
});

test('.siignore keeps files out, and stdout takes a package', async () => {
  const dir = path.join(home, 'ignoring');
  fs.cpSync(path.join(sequences, 'arguments'), dir, { recursive: true });
  fs.writeFileSync(path.join(dir, 'secret.txt'), 'x');
  fs.writeFileSync(path.join(dir, '.siignore'), 'secret.txt\n');
  await ok(['seq', 'pack', dir]);
  const names = [];
  tar.t({ file: `${dir}.tar.gz`, sync: true, onentry: (entry) => names.push(entry.path) });
  assert.deepEqual(names.sort(), ['.siignore', 'index.js', 'package.json']);
  await json(['seq', 'send', '-']);
  assert.equal((await json(['seq', 'get', '-'])).config.name, 'compat-arguments');
  assert.equal((await run(['seq', 'pack', dir, '--stdout'])).code, 0);
  await ok(['seq', 'rm', '-']);
});

test('deploy takes a folder or a package, and use chooses among Sequences', async () => {
  const instance = await launch('arguments', '--args', '[1]', '-s', '{"x":2}');
  const told1 = await told();
  assert.deepEqual([told1.args, told1.config, told1.instanceId], [[1], { x: 2 }, instance]);
  const first = (await json(['inst', 'info', '-'])).sequence.id;
  const out = await ok(['seq', 'run', path.join(home, 'a.tar.gz')]);
  const [second, other] = out.trim().split('\n').map((line) => JSON.parse(line)._id);
  assert.notEqual(second, first);
  assert.equal((await json(['seq', 'get', '-'])).id, second);
  await ok(['seq', 'use', first]);
  assert.equal((await json(['seq', 'get', '-'])).id, first);
  for (const id of [instance, other]) await ended(id);
  await ok(['seq', 'rm', first]);
  await ok(['seq', 'rm', second]);
});

test('what the Hub refuses comes with its status and words', async () => {
  await refused(['seq', 'get', 'nope'], 404, /Sequence nope not found/);
  await refused(['seq', 'delete', 'nope'], 404, /nope/);
  const start = await run(['seq', 'start', 'nope']);
  assert.equal(start.code, 1);
  assert.match(start.err, /Error:.* Sequence nope not found/);
  await wrong(['seq', 'start', 'nope', '--args', '[1'], /Error while parsing the provided Instance arguments/);
  fs.writeFileSync(path.join(home, 'bad.tar.gz'), 'no archive');
  const sent = await run(['seq', 'send', path.join(home, 'bad.tar.gz')]);
  assert.match(sent.err, /Error:.*\/sequence'/);
  assert.deepEqual(await json(['seq', 'ls']), []);
  await launch('killable');
  const { sequence } = await json(['inst', 'info', '-']);
  await refused(['seq', 'rm', sequence.id], 409, /in use/);
  // seq delete -f
  assert.equal((await request('DELETE', `sequence/${sequence.id}`, { headers: { 'content-type': 'application/json', 'x-seq-kill-inst': 'true' } })).status, 200);
  assert.equal((await json(['inst', 'info', '-'])).terminated.exitcode, 137);
});

test('update, start --inst-id: what newer versions of si ask', async () => {
  await ok(['seq', 'pack', path.join(sequences, 'identity'), '-o', path.join(home, 'i.tar.gz')]);
  const id = (await json(['seq', 'send', path.join(home, 'a.tar.gz')]))._id;
  const updated = await request('PUT', `sequence/${id}`, {
    headers: { 'content-type': 'application/octet-stream' }, body: fs.readFileSync(path.join(home, 'i.tar.gz')),
  });
  assert.deepEqual([updated.status, updated.json().id], [200, id]);
  assert.equal((await json(['seq', 'get', id])).config.name, 'compat-identity');
  const instanceId = '11111111-1111-4111-8111-111111111111';
  const body = JSON.stringify({ instanceId, args: ['x'], appConfig: {} });
  const start = () => request('POST', `sequence/${id}/start`, { headers: { 'content-type': 'application/json' }, body });
  const started = await start();
  assert.deepEqual([started.status, started.json().id], [200, instanceId]);
  assert.equal((await start()).status, 409); // it runs until it is killed
  await ok(['inst', 'use', instanceId]);
  assert.deepEqual((await json(['inst', 'info', '-'])).args, ['x']);
  await ok(['inst', 'kill', '-']);
  await ended(instanceId);
  await ok(['seq', 'rm', id]);
});
