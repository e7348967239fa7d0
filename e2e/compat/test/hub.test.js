'use strict';
// HostClient: what a Hub tells of itself.

const assert = require('node:assert/strict');
const test = require('node:test');
const { HostClient } = require('@scramjet/api-client');
const { hub, url, send, launch, entries, fails, raw } = require('../lib/hub');

test('getVersion tells the API level', async () => {
  const v = await hub.getVersion();
  assert.equal(v.service, '@scramjet/host');
  assert.equal(v.apiVersion, 'v1');
  assert.equal(v.version, '1.0.1');
  assert.equal(typeof v.build, 'string');
});

test('getLoadCheck tells load, memory and disks', async () => {
  const load = await hub.getLoadCheck();
  for (const field of ['avgLoad', 'currentLoad', 'memFree', 'memUsed']) {
    assert.ok(Number.isFinite(load[field]) && load[field] >= 0, `${field} is ${load[field]}`);
  }
  assert.ok(load.memFree > 0 && load.memUsed > 0);
  assert.ok(load.fsSize.length > 0);
  for (const fs of load.fsSize) {
    assert.equal(typeof fs.fs, 'string');
    assert.ok(fs.size > 0 && fs.available >= 0 && fs.used >= 0 && fs.use >= 0 && fs.use <= 1, JSON.stringify(fs));
  }
});

test('getConfig tells the configuration and no secret', async () => {
  const config = await hub.getConfig();
  assert.equal(config.host.apiBase, '/api/v1');
  assert.equal(String(config.host.port), new URL(url).port);
  assert.doesNotMatch(JSON.stringify(config), /eyJ|PRIVATE|apiKey/);
});

test('lists hold what was sent and started, and nothing of it after deletion', async (t) => {
  const before = { sequences: await hub.listSequences(), instances: await hub.listInstances() };
  const sequence = await send(t, 'identity');
  const instance = await sequence.start({});
  const here = (list, id) => list.some((x) => x.id === id);
  assert.ok(!here(before.sequences, sequence.id));
  assert.ok(here(await hub.listSequences(), sequence.id));
  assert.ok(here(await hub.listInstances(), instance.id));
  const { json: entities } = await raw('GET', 'entities');
  assert.ok(here(entities.sequences, sequence.id) && here(entities.instances, instance.id));
  await instance.kill({ removeImmediately: true });
  await hub.deleteSequence(sequence.id);
  assert.ok(!here(await hub.listSequences(), sequence.id));
  assert.ok(!here(await hub.listInstances(), instance.id));
});

test('getLogStream replays and follows the log of the Hub', async (t) => {
  const leave = new AbortController();
  t.after(() => leave.abort());
  const log = await hub.getLogStream({ signal: leave.signal });
  const sequence = await send(t, 'identity');
  for await (const entry of entries(log)) {
    assert.equal(typeof entry.msg, 'string');
    assert.match(entry.level, /^(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)$/);
    assert.ok(Math.abs(Date.now() - entry.ts) < 24 * 3600 * 1000);
    assert.equal(typeof entry.from, 'string');
    if (entry.sequence === sequence.id) return;
  }
  assert.fail('nothing was logged of the Sequence');
});

test('the audit holds what was done, with ids and numbers of operations', async (t) => {
  const leave = new AbortController();
  t.after(() => leave.abort());
  const sequence = await send(t, 'identity');
  await sequence.getInfo();
  const { body } = await fetch(`${url}/audit`, { signal: leave.signal });
  let added = false;
  for await (const entry of entries(body)) {
    if (entry.objectId !== sequence.id) continue;
    added ||= entry.opState === '' && entry.opCode === 0;
    if (entry.opState !== 'END') continue;
    assert.ok(added, 'the Sequence came to be before it was asked for');
    assert.equal(entry.opCode, 10200);
    assert.equal(entry.rx, 0);
    assert.ok(entry.tx > 0);
    assert.equal(typeof entry.requestId, 'string');
    assert.equal(typeof entry.requestorId, 'string');
    return;
  }
  assert.fail('nothing was audited of the Sequence');
});

test('getStatus of a Hub without a Space', async () => {
  const { status, json } = await raw('GET', 'status');
  assert.equal(status, 200);
  assert.deepEqual(json.cpm, {});
});

test('a base with a slash at its end is the same Hub', async () => {
  assert.equal((await new HostClient(`${url}/`).getVersion()).apiVersion, 'v1');
});

test('what is unknown is refused by a code and in words', async () => {
  await fails(hub.getSequence('no-such'), 'NOT_FOUND', 404, /Sequence no-such not found/);
  await fails(hub.deleteSequence('no-such'), 'NOT_FOUND', 404, /no-such/);
  await fails(hub.getInstanceInfo('no-such'), 'NOT_FOUND', 404, /Instance no-such not found/);
  const nobody = new HostClient('http://127.0.0.1:1/api/v1');
  await assert.rejects(nobody.getVersion(), { code: 'CANNOT_CONNECT' });
});

test('getInstanceClient and getSequenceClient speak to what is there', async (t) => {
  const instance = await launch(t, 'identity');
  const info = await hub.getInstanceClient(instance.id).getInfo();
  assert.equal(info.id, instance.id);
  assert.equal((await hub.getSequenceClient(info.sequence.id).getInfo()).id, info.sequence.id);
  assert.equal((await hub.getInstanceInfo(instance.id)).status, 'running');
});

