import assert from 'node:assert/strict';
import test from 'node:test';
import rollingStats from '../index.js';

// context stands in for what the Hub gives a program as `this`.
function context(config, state) {
  return {
    config,
    state,
    logger: { info() {} },
    load() { return this.state; },
    async save(value) { this.state = JSON.parse(JSON.stringify(value)); },
  };
}

async function run(hub, records) {
  const out = [];
  for await (const summary of rollingStats.call(hub, records)) out.push(summary);
  return out;
}

const record = (n, v) => ({ n, at: 1_700_000_000_000 + n * 1000, v });

test('a record in is a summary out, which tells whose it is', async () => {
  const out = await run(context({ figures: ['/v'], carry: ['/n'] }), [record(1, 1), record(2, 6), record(3, 4)]);
  assert.deepEqual(out.map((s) => [s.of['/n'], s.figures['/v'].count]), [[1, 1], [2, 2], [3, 3]]);
});

test('a second run goes on with the state of the first', async () => {
  const hub = context({ figures: ['/v'] });
  await run(hub, [record(0, 1), record(1, 6)]);
  const [summary] = await run(context({ figures: ['/v'] }, hub.state), [record(2, 7)]);
  assert.equal(summary.figures['/v'].count, 3);
});
