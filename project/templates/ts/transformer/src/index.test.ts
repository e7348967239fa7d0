import assert from 'node:assert/strict';
import test from 'node:test';
import type { AppContext } from 'waverider';
import transformer, { convert, type Reading } from './index.js';

// context stands in for what a Hub gives a program as `this`.
const context = { logger: { info() {} } } as unknown as AppContext;

async function* readings(...celsius: number[]): AsyncGenerator<Reading> {
  for (const c of celsius) yield { celsius: c };
}

test('a record is converted', () => {
  assert.deepEqual(convert({ celsius: 100 }, 'F'), { celsius: 100, fahrenheit: 212 });
  assert.deepEqual(convert({ celsius: 100 }, 'C'), { celsius: 100 });
});

test('every record that comes in goes out', async () => {
  const out: Reading[] = [];
  for await (const record of transformer.call(context, readings(0, 10), 'F')) out.push(record);
  assert.deepEqual(out.map((record) => record.fahrenheit), [32, 50]);
});
