import assert from 'node:assert/strict';
import test from 'node:test';
import transformer, { convert } from '../index.js';

// context stands in for what a Hub gives a program as `this`.
const context = { logger: { info() {} } };

test('a record is converted', () => {
  assert.deepEqual(convert({ celsius: 100 }, 'F'), { celsius: 100, fahrenheit: 212 });
  assert.deepEqual(convert({ celsius: 100 }, 'C'), { celsius: 100 });
});

test('every record that comes in goes out', async () => {
  const out = [];
  for await (const record of transformer.call(context, [{ celsius: 0 }, { celsius: 10 }], 'F')) out.push(record);
  assert.deepEqual(out.map((record) => record.fahrenheit), [32, 50]);
});
