// rolling-stats: a Sequence with input and output. Records come in as objects
// (the input is NDJSON), statistics of their numbers go out, one object each.

import { readSettings } from './settings.js';
import { Stats } from './stats.js';

const SAVE_EVERY = 5000; // ms

export default async function* rollingStats(input) {
  const settings = readSettings(this.config);
  const stats = new Stats(settings);
  this.logger.info(`statistics over ${settings.windowSeconds} s`, { alerts: settings.alerts });

  // What an earlier run saved is still there: after a restart of the program,
  // the Hub or the machine, windows and alerts go on where they were.
  if (stats.restore(this.load())) this.logger.info('going on with saved state');
  this.addStopHandler(() => this.save(stats.state()));

  let saved = Date.now();
  for await (const record of input) {
    const result = stats.add(record);
    for (const alert of result.changed) tell(this, alert);
    yield result.summary;

    // An alert is saved at once so that it is never told twice; the windows
    // are saved now and then, a few seconds of them can be missed.
    if (result.changed.length > 0 || Date.now() - saved >= SAVE_EVERY) {
      await this.save(stats.state());
      saved = Date.now();
    }
  }
  await this.save(stats.state());
}

// tell says an alert to people (the log) and to programs (an event, which
// `waverider inst event` and other programs on the Hub can wait for).
function tell(hub, alert) {
  const value = Number(alert.ewma.toPrecision(3));
  if (alert.raised) hub.logger.warn(`${alert.figure} is high: ${value} is above ${alert.above}`, alert);
  else hub.logger.info(`${alert.figure} is well again: ${value} is below ${alert.below}`, alert);
  hub.emit('alert', alert);
}
