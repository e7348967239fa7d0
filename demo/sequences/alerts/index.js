// alerts: a Sequence that says in its code which Topics it belongs to. It reads
// the summaries of rolling-stats and puts out a record when a figure gets high,
// and another when it is well again.

import { Judge, readRules } from './judge.js';

const NDJSON = 'application/x-ndjson';
const SAVE_EVERY = 100; // ms

// The Topic of the input is declared before the function, that of the output on
// what the function returns. A start may name others.
export default [
  { requires: 'machine.stats', contentType: NDJSON },
  function alerts(input) {
    return Object.assign(watch(this, input), { topic: 'machine.alerts', contentType: NDJSON });
  },
];

async function* watch(hub, input) {
  const judge = new Judge(readRules(hub.config));
  if (judge.restore(hub.load())) hub.logger.info('going on with saved state');

  // Which alerts are on, how many there were, and the place in the input are
  // saved in one write (`"ack": "save"`), so that no kill makes an alert come
  // twice or keeps it from coming.
  let saved = Date.now();
  for await (const summary of input) {
    for (const alert of judge.take(summary)) {
      tell(hub, alert);
      yield alert;
    }
    if (Date.now() - saved >= SAVE_EVERY) {
      await hub.save(judge.state());
      saved = Date.now();
    }
  }
  await hub.save(judge.state());
}

// tell says an alert to people (the log) and as an event, for which
// `waverider inst event` and other programs on the Hub can wait.
function tell(hub, alert) {
  const { figure, raised, value, limit } = alert;
  if (raised) hub.logger.warn(`${figure} is high: ${value} is above ${limit}`, alert);
  else hub.logger.info(`${figure} is well again: ${value} is below ${limit}`, alert);
  hub.emit('alert', alert);
}
