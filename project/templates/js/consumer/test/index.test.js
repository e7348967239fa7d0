import assert from 'node:assert/strict';
import test from 'node:test';
import consumer, { add } from '../index.js';

// context stands in for what a Hub gives a program as `this`.
function context(state) {
  return {
    state,
    logger: { info() {} },
    load() { return this.state; },
    async save(value) { this.state = structuredClone(value); },
  };
}

test('a record is added', () => {
  const totals = { records: 1, sum: 2 };
  add(totals, { value: 3 });
  add(totals, {});
  assert.deepEqual(totals, { records: 3, sum: 5 });
});

test('a run goes on where the last one ended', async () => {
  const hub = context();
  await consumer.call(hub, [{ value: 1 }, { value: 2 }]);
  await consumer.call(hub, [{ value: 4 }]);
  assert.deepEqual(hub.state, { records: 3, sum: 7 });
});
