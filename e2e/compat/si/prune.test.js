'use strict';
// si seq prune: it deletes all there is, so it has a Hub of its own.

const assert = require('node:assert/strict');
const path = require('node:path');
const test = require('node:test');
const { home, sequences, ok, json, run, connect, launch } = require('../lib/si');

test.before(connect);

test('prune deletes what does not run, and with --force all', async () => {
  assert.match((await run(['seq', 'prune'])).err, /list is empty/);
  await launch('killable');
  await ok(['seq', 'pack', path.join(sequences, 'identity'), '-o', path.join(home, 'i.tar.gz')]);
  const idle = (await json(['seq', 'send', '-']))._id;
  const kept = await run(['seq', 'prune']);
  assert.equal(kept.code, 0);
  assert.match(kept.err, /has running instances/);
  const left = await json(['seq', 'ls']);
  assert.equal(left.length, 1);
  assert.notEqual(left[0].id, idle);
  const all = await run(['seq', 'prune', '--force']); // waits for 15 s, whatever the Hub answers
  assert.equal(all.code, 0);
  assert.match(all.err, /Sequences removed successfully/);
  assert.deepEqual(await json(['seq', 'ls']), []);
  assert.deepEqual(await json(['inst', 'ls']), []);
});
