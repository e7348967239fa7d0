import assert from 'node:assert/strict';
import test from 'node:test';
import { readSettings } from '../settings.js';
import { Stats, valueAt } from '../stats.js';
import { Window } from '../window.js';

const at = (seconds) => 1_700_000_000_000 + seconds * 1000;

function stats(config) {
  return new Stats(readSettings(config));
}

test('the window holds what is young enough', () => {
  const s = stats({ windowSeconds: 10, figures: ['/v'] });
  for (let i = 0; i < 20; i += 1) s.add({ at: at(i), v: i });
  const summary = s.add({ at: at(20), v: 100 });
  const { count, last, mean, min, max, p95 } = summary.figures['/v'];
  assert.deepEqual({ count, last, mean, min, max, p95 }, { count: 10, last: 100, mean: 23.5, min: 11, max: 100, p95: 100 });
});

test('the 95th percentile is a value that occurred', () => {
  const s = stats({ windowSeconds: 1000, figures: ['/v'] });
  let result;
  for (let i = 1; i <= 100; i += 1) result = s.add({ at: at(i), v: i });
  assert.equal(result.figures['/v'].p95, 95);
});

test('the smoothed value follows time, not the number of records', () => {
  const rare = stats({ smoothingSeconds: 5, figures: ['/v'] });
  const often = stats({ smoothingSeconds: 5, figures: ['/v'] });
  rare.add({ at: at(0), v: 0 });
  often.add({ at: at(0), v: 0 });
  const one = rare.add({ at: at(5), v: 1 }).figures['/v'].ewma;
  let many;
  for (let i = 1; i <= 50; i += 1) many = often.add({ at: at(i / 10), v: 1 }).figures['/v'].ewma;
  assert.ok(Math.abs(one - many) < 1e-4, `${one} and ${many}`);
  assert.ok(Math.abs(one - (1 - Math.exp(-1))) < 1e-4);
});

test('saved state goes on as if nothing had happened', () => {
  const config = { windowSeconds: 10 };
  const whole = stats(config);
  const first = stats(config);
  const second = stats(config);
  const record = (i) => ({ at: at(i), a: i, b: { c: -i } });
  for (let i = 0; i < 12; i += 1) for (const s of [whole, first]) s.add(record(i));
  assert.equal(second.restore(JSON.parse(JSON.stringify(first.state()))), true);
  for (let i = 12; i < 15; i += 1) assert.deepEqual(second.add(record(i)), whole.add(record(i)));
});

test('state of another version is left alone', () => {
  assert.equal(stats({}).restore(undefined), false);
  assert.equal(stats({}).restore({ version: 99 }), false);
});

test('without figures every number counts, the time does not', () => {
  const summary = stats({}).add({ at: at(0), a: 1, b: { 'c/d': 2, e: 'no', f: null }, g: [3] });
  assert.deepEqual(Object.keys(summary.figures), ['/a', '/b/c~1d', '/g/0']);
});

test('a record without the figure, or with another type, is passed over', () => {
  const s = stats({ figures: ['/v'] });
  assert.deepEqual(s.add({ at: at(0) }).figures, {});
  assert.deepEqual(s.add({ at: at(0), v: 'text' }).figures, {});
  assert.deepEqual(s.add('no object').figures, {});
});

test('a fast stream cannot fill the memory', () => {
  const window = new Window(30_000, 5000);
  for (let i = 0; i < 10_000; i += 1) window.add(at(0), i);
  const { count, min } = window.summary(at(0));
  assert.deepEqual({ count, min }, { count: 6000, min: 4000 });
});

test('JSON Pointers find what they name and nothing inherited', () => {
  assert.equal(valueAt({ 'a/b': { '~': 1 } }, '/a~1b/~0'), 1);
  assert.equal(valueAt({ a: [1, 2] }, '/a/1'), 2);
  assert.equal(valueAt({}, '/constructor/name'), undefined);
  assert.equal(valueAt(null, '/a'), undefined);
});

test('bad configuration is refused with the key', () => {
  for (const [config, message] of [
    [{ windowSeconds: 0 }, /windowSeconds/],
    [{ figures: ['cpu'] }, /"cpu" is no JSON Pointer/],
    [{ carry: ['n'] }, /"n" is no JSON Pointer/],
    [{ window: 3 }, /config.window is unknown/],
  ]) assert.throws(() => readSettings(config), message);
});
