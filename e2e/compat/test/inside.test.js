'use strict';
// A Sequence drives its own Hub with this.hub.

const assert = require('node:assert/strict');
const test = require('node:test');
const { hub, send, values, ended } = require('../lib/hub');

test('this.hub does what the client outside does', async (t) => {
  const driven = await send(t, 'identity');
  const instance = await (await send(t, 'inside')).start({ args: [driven.id] });
  const calls = await values(await instance.getStream('output'));
  const info = await ended(instance);
  assert.equal(info.status, 'completed', `${info.error}`);
  const told = Object.fromEntries(calls.map(({ call, value }) => [call, value]));
  assert.equal(told.getVersion.apiVersion, 'v1');
  assert.deepEqual(told.getStatus.cpm, {});
  assert.ok(told.getLoadCheck.includes('fsSize'));
  assert.equal(told.getConfig, 'object');
  assert.equal(told.listSequences, true);
  assert.equal(told.listInstances, true);
  assert.deepEqual(told.listEntities.sort(), ['instances', 'sequences']);
  assert.equal(told.getSequence, driven.id);
  assert.equal(told.getInstanceInfo, 'running');
  assert.equal(told['sequence.getInfo'], 'compat-identity');
  assert.equal(told['sequence.listInstances'], true);
  assert.equal(told['instance.getInfo'], driven.id);
  assert.equal(told['instance.getHealth'], true);
  assert.equal(told['instance.output'], 'onetwo');
  assert.equal(told['instance.kill'], 'string');
  assert.equal(told.createTopic, true);
  assert.equal(told.getTopics, true);
  assert.equal(told.getTopic, '{"n":1}\n{"n":2}\n{"n":3}\n');
  assert.equal(told.getNamedData, '{"n":4}\n');
  assert.equal(told.deleteTopic, true);
  assert.deepEqual(told.topicError, { code: 'NOT_FOUND', status: '404' });
  assert.deepEqual(told.error, { code: 'NOT_FOUND', status: '404' });
  assert.ok(!(await hub.listInstances()).some((i) => i.id === told['sequence.start']));
});
