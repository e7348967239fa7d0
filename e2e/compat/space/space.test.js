'use strict';
// si in production, as its users have it with a platform: a Space, its Hubs, and
// all else through them.

const assert = require('node:assert/strict');
const test = require('node:test');
const { ok, json, until, connectSpace, launch, ended, spaceRequest } = require('../lib/si');

const LINES = 'application/x-ndjson';
let hubs; // by name

test.before(async () => {
  await connectSpace();
  const list = await json(['hub', 'list']);
  hubs = Object.fromEntries(list.map((hub) => [hub.description, hub.id]));
});

test('the first Space and Hub are the default', async () => {
  const [space] = await json(['space', 'list']);
  assert.match(space.id, /^[a-z0-9]{26}$/);
  assert.equal((await json(['space', 'info'])).version.service, '@scramjet/manager');
  assert.equal((await json(['space', 'use', space.id])).name, space.id);
});

test('Hubs are listed, chosen and shown', async () => {
  assert.deepEqual(Object.keys(hubs), ['cloud', 'edge']);
  for (const hub of await json(['hub', 'ls'])) {
    assert.deepEqual([hub.healthy, hub.isConnectionActive, hub.selfHosted], [true, true, true]);
  }
  await ok(['hub', 'use', hubs.edge]);
  assert.equal((await json(['hub', 'info'])).id, hubs.edge);
  assert.equal((await json(['hub', 'version'])).service, '@scramjet/host');
  assert.ok((await json(['hub', 'load'])).memFree > 0);
  await until(['hub', 'logs'], 'hub running');
});

test('programs run on the Hub that was chosen', async () => {
  await ok(['hub', 'use', hubs.edge]);
  const id = await launch('identity');
  assert.equal((await json(['inst', 'info', '-'])).id, id);
  await ok(['inst', 'input', '-', '-e'], { input: 'typed\n' });
  assert.equal(await until(['inst', 'output', '-'], 'typed\n'), 'typed\n');
  await ended(id);
  assert.equal((await json(['seq', 'list'])).length, 1);
  await ok(['hub', 'use', hubs.cloud]);
  assert.deepEqual(await json(['seq', 'list']), []);
});

test('a Topic of one Hub is read at another', async () => {
  await ok(['hub', 'use', hubs.edge]);
  await ok(['topic', 'send', 'numbers', '-t', LINES], { input: '{"n":1}\n' });
  await ok(['hub', 'use', hubs.cloud]);
  assert.equal(await until(['topic', 'get', 'numbers', '-t', LINES], '{"n":1}\n'), '{"n":1}\n');
});

test('space logs, space audit: what newer versions of si ask', async () => {
  assert.match((await spaceRequest('GET', 'log?follow=false')).text, /hub joined/);
  const records = (await spaceRequest('GET', 'audit?follow=false')).text.trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(records.some((r) => r.opCode === 14000 && r.objectId === hubs.edge));
});

test('hub disconnect, hub delete: what newer versions of si ask', async () => {
  const cut = await spaceRequest('POST', 'disconnect', { body: JSON.stringify({ id: hubs.cloud }), headers: { 'content-type': 'application/json' } });
  assert.equal(cut.status, 200);
  assert.deepEqual(cut.json().disconnected.map((hub) => hub.sthId), [hubs.cloud]);
  for (let back = false; !back; ) { // by itself
    back = (await json(['hub', 'list'])).every((hub) => hub.isConnectionActive);
  }
  const remove = (force) => spaceRequest('DELETE', `sth/${hubs.cloud}`, { headers: { 'content-type': 'application/json', 'x-force': String(force) } });
  assert.equal((await remove(false)).status, 409);
  assert.equal((await remove(true)).status, 200);
  assert.deepEqual((await json(['hub', 'list'])).map((hub) => hub.description), ['edge']);
  assert.equal((await remove(true)).status, 404);
});

test('the description of the Space is valid OpenAPI 3.1', async () => {
  const { Validator } = await import('@seriousme/openapi-schema-validator');
  const validator = new Validator();
  const { valid, errors } = await validator.validate((await spaceRequest('GET', 'openapi.json')).json());
  assert.ok(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, '3.1');
});
