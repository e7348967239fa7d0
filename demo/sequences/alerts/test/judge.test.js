import assert from 'node:assert/strict';
import test from 'node:test';
import { Judge, readRules } from '../judge.js';

const summary = (at, ewma, mean = 0) => ({ at, figures: { '/v': { ewma, mean } } });

function judge(rule) {
  return new Judge(readRules({ rules: { '/v': rule } }));
}

// told is what a judge says of values: [index, raised].
function told(j, values) {
  return values.flatMap((v, i) => j.take(summary(i, v)).map((a) => [i, a.raised]));
}

test('an alert is cleared lower than it is raised', () => {
  assert.deepEqual(told(judge({ above: 0.8, below: 0.6 }), [0.7, 0.81, 0.79, 0.61, 0.79, 0.81, 0.59, 0.7]), [[1, true], [6, false]]);
});

test('a limit can be how far a value is over its mean', () => {
  const j = judge({ above: 0.2, below: 0.1, overMean: true });
  assert.deepEqual(j.take(summary(1, 0.65, 0.5)), []);
  assert.deepEqual(j.take(summary(2, 0.75, 0.5)), [{ n: 1, at: 2, figure: '/v', raised: true, value: 0.75, mean: 0.5, limit: 0.7 }]);
  assert.deepEqual(j.take(summary(3, 0.75, 0.6)), []);
  assert.deepEqual(j.take(summary(4, 0.75, 0.7)).map((a) => [a.n, a.raised]), [[2, false]]);
});

test('saved state goes on as if nothing had happened', () => {
  const rule = { above: 5, below: 2 };
  const values = [1, 6, 3, 1, 7, 1, 8];
  const whole = judge(rule);
  const all = values.flatMap((v, i) => whole.take(summary(i, v)));
  assert.equal(all.length, 5);
  for (let cut = 0; cut < values.length; cut += 1) {
    const first = judge(rule);
    const second = judge(rule);
    const before = values.slice(0, cut).flatMap((v, i) => first.take(summary(i, v)));
    assert.equal(second.restore(JSON.parse(JSON.stringify(first.state()))), true);
    assert.deepEqual([...before, ...values.slice(cut).flatMap((v, i) => second.take(summary(cut + i, v)))], all);
  }
});

test('an alert whose rule has gone is forgotten, state of another version left alone', () => {
  const j = judge({ above: 1 });
  assert.equal(j.restore({ version: 1, count: 4, raised: { '/gone': 1 } }), true);
  assert.deepEqual(j.state(), { version: 1, count: 4, raised: {} });
  assert.equal(j.restore(undefined), false);
  assert.equal(j.restore({ version: 99 }), false);
});

test('a summary without the figure, or no summary at all, is passed over', () => {
  const j = judge({ above: 1 });
  for (const record of [{ at: 1, figures: { '/v': { count: 0 } } }, { at: 1, figures: {} }, {}, 'text', null]) {
    assert.deepEqual(j.take(record), []);
  }
});

test('bad rules are refused with the key', () => {
  assert.throws(() => readRules({ rules: { '/v': { above: 1, below: 2 } } }), /rules\["\/v"\]/);
  assert.throws(() => readRules({ rules: { '/v': { below: 2 } } }), /rules\["\/v"\]/);
  assert.throws(() => readRules({ rule: {} }), /config.rule is unknown/);
  assert.deepEqual(readRules(), {});
});
