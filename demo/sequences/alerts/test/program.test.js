import assert from 'node:assert/strict';
import test from 'node:test';
import program from '../index.js';

// context stands in for what the Hub gives a program as `this`.
function context(config, state) {
  return {
    config,
    state,
    events: [],
    logger: { info() {}, warn() {} },
    emit(name, { figure, raised }) { this.events.push([name, figure, raised]); },
    load() { return this.state; },
    async save(value) { this.state = JSON.parse(JSON.stringify(value)); },
  };
}

const [input, alerts] = program;
const config = { rules: { '/v': { above: 5, below: 3 } } };
const summaries = (...values) => values.map((v, i) => ({ at: i, figures: { '/v': { ewma: v, mean: v } } }));

async function run(hub, records) {
  const out = [];
  for await (const alert of alerts.call(hub, records)) out.push([alert.n, alert.raised]);
  return out;
}

test('both Topics are declared', () => {
  assert.deepEqual(input, { requires: 'machine.stats', contentType: 'application/x-ndjson' });
  const output = alerts.call(context(config), []);
  assert.equal(output.topic, 'machine.alerts');
  assert.equal(output.contentType, 'application/x-ndjson');
});

test('alerts are records and events, numbered over all runs', async () => {
  const hub = context(config);
  assert.deepEqual(await run(hub, summaries(1, 6, 6)), [[1, true]]);
  const next = context(config, hub.state);
  assert.deepEqual(await run(next, summaries(6, 2, 7)), [[2, false], [3, true]]);
  assert.deepEqual(next.events, [['alert', '/v', false], ['alert', '/v', true]]);
});
