'use strict';
// HostClient.sendSequence and SequenceClient.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { Readable } = require('node:stream');
const { gzipSync } = require('node:zlib');
const test = require('node:test');
const { hub, packageOf, send, fails, raw, values, ended } = require('../lib/hub');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('sendSequence stores a package and getInfo shows it', async (t) => {
  const sequence = await send(t, 'arguments');
  assert.match(sequence.id, UUID);
  const info = await sequence.getInfo();
  assert.deepEqual(info, await hub.getSequence(sequence.id));
  assert.equal(info.id, sequence.id);
  assert.deepEqual(info.instances, []);
  assert.equal(typeof info.location, 'string');
  const { config } = info;
  assert.equal(config.id, sequence.id);
  assert.equal(config.type, 'process');
  assert.equal(config.name, 'compat-arguments');
  assert.equal(config.version, '1.0.0');
  assert.equal(config.entrypointPath, 'index.js');
  assert.equal(config.language, 'js');
  assert.deepEqual(config.engines, { node: '>=18' });
  assert.deepEqual(config.args, ['from', 'the package']);
  assert.ok(config.packageSize > 0);
});

test('a package that is none is refused with 422', async () => {
  const bad = {
    'not a tar.gz': Buffer.from('plain text'),
    empty: Buffer.alloc(0),
    'gzip of no tar': gzipSync('plain text'),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    await fails(hub.sendSequence(Readable.from([bytes])), 'UNPROCESSABLE_ENTITY', 422, /tar\.gz|package/i, name);
  }
});

test('sendSequence refuses a foreign content type', async () => {
  const { status, json } = await raw('POST', 'sequence', { headers: { 'content-type': 'application/json' }, body: '{}' });
  assert.equal(status, 415);
  assert.match(json.error, /content-type/i);
});

test('start hands over args and config; listInstances knows the Instance', async (t) => {
  const sequence = await send(t, 'arguments');
  const instance = await sequence.start({ args: [1, { two: 2 }, null], appConfig: { key: 'value' } });
  assert.match(instance.id, UUID);
  const [told] = await values(await instance.getStream('output'));
  assert.deepEqual(told, { args: [1, { two: 2 }, null], config: { key: 'value' }, instanceId: instance.id });
  assert.deepEqual(await sequence.listInstances(), [instance.id]);
  const info = await instance.getInfo();
  assert.deepEqual(info.args, [1, { two: 2 }, null]);
  assert.deepEqual(info.appConfig, { key: 'value' });
  assert.equal((await sequence.getInstance(instance.id, hub)).id, instance.id);
});

test('args of the package are the default', async (t) => {
  const sequence = await send(t, 'arguments');
  const [told] = await values(await (await sequence.start({})).getStream('output'));
  assert.deepEqual(told.args, ['from', 'the package']);
});

test('start takes an id, once', async (t) => {
  const sequence = await send(t, 'identity');
  const instanceId = randomUUID();
  assert.equal((await sequence.start({ instanceId })).id, instanceId);
  await assert.rejects(sequence.start({ instanceId }), /already exists/);
});

test('a start that is not possible says why', async (t) => {
  const sequence = await send(t, 'identity');
  await assert.rejects(sequence.start({ instanceId: 'short' }), /instanceId/);
  await assert.rejects(sequence.start({ args: 'no array' }), /args/);
  await assert.rejects(sequence.start({ appConfig: [] }), /appConfig/);
  await assert.rejects(hub.getSequenceClient('no-such').start({}), /not found/i);
  assert.deepEqual(await sequence.listInstances(), []);
});

test('a program that fails to load fails its start, in its own words', async (t) => {
  await assert.rejects((await send(t, 'loadfail')).start({}), /failed on start.*not loadable on purpose/);
  await assert.rejects((await send(t, 'syntax')).start({}), /failed on start.*SyntaxError|failed on start.*Unexpected/);
});

test('names, versions and prefixes find a Sequence', async (t) => {
  const sequence = await send(t, 'stopper');
  for (const ref of ['compat-stopper', 'compat-stopper@1.0.0', sequence.id.slice(0, 8)]) {
    assert.equal((await hub.getSequence(ref)).id, sequence.id, ref);
  }
  await fails(hub.getSequence('compat-stopper@9.9.9'), 'NOT_FOUND', 404);
});

test('two Sequences of one name are told apart by id only', async (t) => {
  const [one, two] = [await send(t, 'killable'), await send(t, 'killable')];
  await assert.rejects(hub.getSequence('compat-killable'), (err) => {
    assert.equal(err.status, '409');
    assert.deepEqual(JSON.parse(err.body).candidates, [one.id, two.id].sort());
    return true;
  });
});

test('replacing adds a revision, and only new Instances run it', async (t) => {
  const sequence = await send(t, 'identity');
  const old = await sequence.start({});
  const chunks = [];
  for await (const chunk of packageOf('generator')) chunks.push(chunk);
  const { status, json } = await raw('PUT', `sequence/${sequence.id}`, {
    headers: { 'content-type': 'application/octet-stream' }, body: Buffer.concat(chunks),
  });
  assert.equal(status, 200);
  assert.equal(json.id, sequence.id);
  assert.equal((await old.getInfo()).status, 'running');
  assert.equal((await sequence.getInfo()).config.name, 'compat-generator');
  const next = await sequence.start({ args: [2] });
  assert.deepEqual(await values(await next.getStream('output')), [{ n: 1 }, { n: 2 }]);
  const [before, after] = [await old.getInfo(), await next.getInfo()];
  assert.equal(before.sequence.config.name, 'compat-identity');
  assert.equal(after.sequence.config.name, 'compat-generator');
  assert.deepEqual([before.revision, after.revision], [1, 2]);
});

test('overwrite is not there in this client', async (t) => {
  const sequence = await send(t, 'identity');
  await assert.rejects(sequence.overwrite(packageOf('identity')), /Not yet implemented/);
});

test('a Sequence in use is not deleted, an idle one is', async (t) => {
  const sequence = await send(t, 'identity');
  const instance = await sequence.start({});
  await assert.rejects(hub.deleteSequence(sequence.id), (err) => {
    assert.equal(err.code, 'REQUEST_ERROR');
    assert.equal(err.status, '409');
    assert.equal(JSON.parse(err.body).error, "Can't remove- Sequence in use");
    return true;
  });
  await instance.kill();
  await ended(instance);
  assert.equal((await hub.deleteSequence(sequence.id)).id, sequence.id);
  await fails(sequence.getInfo(), 'NOT_FOUND', 404);
});

test('deletion with force ends the Instances first, and quickly', async (t) => {
  const sequence = await send(t, 'identity');
  const instance = await sequence.start({});
  const began = Date.now();
  const { status, json } = await raw('DELETE', `sequence/${sequence.id}`, { headers: { 'x-seq-kill-inst': 'true' } });
  assert.equal(status, 200);
  assert.equal(json.id, sequence.id);
  assert.ok(Date.now() - began < 5000, `took ${Date.now() - began} ms`);
  assert.equal((await instance.getInfo()).terminated.exitcode, 137);
});
