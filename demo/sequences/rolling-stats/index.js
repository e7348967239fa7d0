// rolling-stats: a Sequence with input and output. Records come in as objects
// (the input is NDJSON), statistics of their numbers go out, one object each.
//
// It names no Topics: whoever starts it says where its input comes from and
// where its output goes.

import { readSettings } from './settings.js';
import { Stats } from './stats.js';

const SAVE_EVERY = 100; // ms

export default async function* rollingStats(input) {
  const settings = readSettings(this.config);
  const stats = new Stats(settings);
  this.logger.info(`statistics over ${settings.windowSeconds} s`);

  // What an earlier run saved is still there: after a restart of the program,
  // the Hub or the machine, windows go on where they were.
  if (stats.restore(this.load())) this.logger.info('going on with saved state');

  // With `"ack": "save"` in package.json the place in the input Topic moves when
  // the program saves, in the same write. A run that is killed leaves both where
  // they were: the next one is given the records since again, makes the same
  // summaries of them, and those that are in the output Topic already are dropped.
  let saved = Date.now();
  for await (const record of input) {
    yield stats.add(record);
    if (Date.now() - saved >= SAVE_EVERY) {
      await this.save(stats.state());
      saved = Date.now();
    }
  }
  await this.save(stats.state());
}
