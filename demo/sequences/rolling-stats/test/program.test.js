import assert from 'node:assert/strict';
import test from 'node:test';
import rollingStats from '../index.js';

// context stands in for what the Hub gives a program as `this`.
function context(config, state) {
  return {
    config,
    state,
    events: [],
    logger: { info() {}, warn() {} },
    addStopHandler() {},
    emit(name, message) { this.events.push([name, message.figure, message.raised]); },
    load() { return this.state; },
    async save(value) { this.state = JSON.parse(JSON.stringify(value)); },
  };
}

async function run(hub, records) {
  const out = [];
  for await (const summary of rollingStats.call(hub, records)) out.push(summary);
  return out;
}

const config = { smoothingSeconds: 0.001, alerts: { '/v': { above: 5, below: 3 } } };
const record = (i, v) => ({ at: 1_700_000_000_000 + i * 1000, v });

test('a record in is a summary out, alerts are events', async () => {
  const hub = context(config);
  const out = await run(hub, [record(0, 1), record(1, 6), record(2, 4), record(3, 2)]);
  assert.deepEqual(out.map((s) => s.figures['/v'].count), [1, 2, 3, 4]);
  assert.deepEqual(hub.events, [['alert', '/v', true], ['alert', '/v', false]]);
});

test('a second run goes on with the state of the first', async () => {
  const hub = context(config);
  await run(hub, [record(0, 1), record(1, 6)]);
  const [summary] = await run(context(config, hub.state), [record(2, 7)]);
  assert.equal(summary.figures['/v'].count, 3);
  assert.deepEqual(summary.alerts, [{ figure: '/v', since: record(1).at }]);
});
