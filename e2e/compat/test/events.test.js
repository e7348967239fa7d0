'use strict';
// InstanceClient: events, health.

const assert = require('node:assert/strict');
const test = require('node:test');
const { url, launch, send, values, entries, ended, fails, raw } = require('../lib/hub');

test('an event is answered by an event: next, last, stream', async (t) => {
  const instance = await launch(t, 'events');
  assert.equal(await instance.getEvent('ready'), true);
  const stream = await instance.getEventStream('pong');
  const next = instance.getNextEvent('pong');
  assert.deepEqual(await instance.sendEvent('ping', { n: 1 }), { accepted: 'OK' });
  const [first] = await values(stream, 1);
  assert.deepEqual(first, { n: 1 });
  assert.deepEqual(await instance.getEvent('pong'), { n: 1 });
  await instance.sendEvent('ping', { n: 1 }); // for a next that was late
  assert.deepEqual(await next, { n: 1 });
});

test('any JSON value is a message', async (t) => {
  const instance = await launch(t, 'events');
  const sent = ['text', 7, false, [1, [2]], { deep: { er: null } }];
  const stream = await instance.getEventStream('pong');
  for (const message of sent) await instance.sendEvent('ping', message);
  assert.deepEqual(await values(stream, sent.length), sent);
  assert.deepEqual(await instance.getEvent('pong'), sent.at(-1));
});

test('an event without a message comes as an empty object', async (t) => {
  const instance = await launch(t, 'events');
  const stream = await instance.getEventStream('silence');
  await instance.sendEvent('quiet');
  assert.deepEqual(await values(stream, 1), [{}]);
});

test('what one Instance emits reaches the others, not itself', async (t) => {
  const sequence = await send(t, 'events');
  const [one, two] = [await sequence.start({}), await sequence.start({})];
  const heard = await two.getEventStream('heard');
  await one.sendEvent('shout');
  assert.deepEqual(await values(heard, 1), [{ from: one.id }]);
  const own = await raw('GET', `instance/${one.id}/event/heard?timeout=100ms`);
  assert.equal(own.status, 504);
});

test('waiting for an event ends with the Instance', async (t) => {
  const instance = await launch(t, 'events');
  const never = instance.getNextEvent('never');
  const stream = await instance.getEventStream('never');
  await instance.kill();
  await fails(never, 'GONE', 410, /ended/);
  assert.deepEqual(await values(stream), []);
});

test('an event without a name, or in another shape, is refused', async (t) => {
  const instance = await launch(t, 'events');
  await fails(instance.sendEvent(undefined, 1), 'BAD_PARAMETERS', 400, /eventName missing/);
  const headers = { 'content-type': 'application/json' };
  for (const body of ['[4001,{"eventName":"x"}]', '[5001]', '"x"', '{']) {
    assert.equal((await raw('POST', `instance/${instance.id}/_event`, { headers, body })).status, 400, body);
  }
});

test('getHealth tells what the handlers say', async (t) => {
  const instance = await launch(t, 'health');
  const health = await instance.getHealth();
  assert.equal(health.healthy, true);
  assert.ok(health.processId > 0);
  await instance.sendEvent('health', false);
  assert.equal(await instance.getEvent('changed'), false);
  const { status } = await raw('POST', `instance/${instance.id}/_monitoring_rate`, {
    headers: { 'content-type': 'application/json' }, body: '[4003,{"monitoringRate":50}]',
  });
  assert.equal(status, 202);
  for (;;) if (!(await instance.getHealth()).healthy) break;
});

test('monitoring tells health as often as it is asked to', async (t) => {
  const instance = await launch(t, 'health');
  const leave = new AbortController();
  t.after(() => leave.abort());
  const { status, body } = await fetch(`${url}/instance/${instance.id}/monitoring`, { signal: leave.signal });
  assert.equal(status, 200);
  assert.equal((await raw('POST', `instance/${instance.id}/_monitoring_rate`, { body: JSON.stringify([4003, { monitoringRate: 50 }]), headers: { 'content-type': 'application/json' } })).status, 202);
  let heard = 0;
  for await (const [code, message] of entries(body)) {
    assert.equal(code, 3001);
    assert.equal(typeof message.healthy, 'boolean');
    if (++heard === 10) return;
  }
  assert.fail('the stream ended');
});

test('there is no health after the end', async (t) => {
  const instance = await launch(t, 'health');
  await instance.kill();
  await ended(instance);
  await fails(instance.getHealth(), 'GONE', 410);
});
