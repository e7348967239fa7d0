import assert from 'node:assert/strict';
import test from 'node:test';
import type { AppContext } from 'waverider';
import consumer, { add, type Totals } from './index.js';

// context stands in for what a Hub gives a program as `this`.
class Context {
  state: Totals | undefined;
  logger = { info() {} };
  load() { return this.state; }
  async save(value: Totals) { this.state = structuredClone(value); }
}

async function* records(...values: number[]) {
  for (const value of values) yield { value };
}

test('a record is added', () => {
  const totals = { records: 1, sum: 2 };
  add(totals, { value: 3 });
  add(totals, {});
  assert.deepEqual(totals, { records: 3, sum: 5 });
});

test('a run goes on where the last one ended', async () => {
  const hub = new Context();
  await consumer.call(hub as unknown as AppContext, records(1, 2));
  await consumer.call(hub as unknown as AppContext, records(4));
  assert.deepEqual(hub.state, { records: 3, sum: 7 });
});
