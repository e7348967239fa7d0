import assert from 'node:assert/strict';
import test from 'node:test';
import generator, { measure } from '../index.js';

test('a record has a number, a time and a value', () => {
  const record = measure(7);
  assert.equal(record.n, 7);
  assert.ok(Math.abs(Date.parse(record.at) - Date.now()) < 10_000);
  assert.ok(Math.abs(record.value) <= 1);
});

test('records come until the program is stopped', async () => {
  const handlers = [];
  const context = { addStopHandler: (handler) => handlers.push(handler) };
  const seen = [];
  for await (const record of generator.call(context, undefined, 1)) {
    seen.push(record.n);
    if (seen.length === 3) handlers.forEach((handler) => handler());
  }
  assert.deepEqual(seen, [1, 2, 3]);
});
