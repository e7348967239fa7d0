// tumbling-windows: readings in; for each window of time and each sensor one
// record out, when the window is over. Time is what the readings say, not the
// clock, so that the same readings always give the same windows.

import type { AppContext } from 'waverider';
import { Windows, type Reading, type State, type Summary } from './windows.js';

const SAVE_EVERY = 100; // readings

interface Config {
  seconds?: number; // length of a window
  lateness?: number; // seconds a reading may be late
}

export default async function* tumblingWindows(
  this: AppContext<Config | undefined, State>, input: AsyncIterable<Reading>,
): AsyncGenerator<Summary> {
  const { seconds = 60, lateness = 5 } = this.config ?? {};
  const windows = new Windows(seconds * 1000, lateness * 1000, this.load());

  // With `"ack": "save"` in package.json the place in the input Topic moves when
  // the program saves, in the same write as the windows that are open. A run that
  // is killed leaves both where they were: the next one is given the readings
  // since again, makes the same records of them, and those that are in the output
  // Topic already are dropped.
  let taken = 0;
  for await (const reading of input) {
    yield* windows.add(reading);
    taken += 1;
    if (taken % SAVE_EVERY === 0) await this.save(windows.state);
  }

  // The input has ended: what is open will get no more.
  yield* windows.close(Infinity);
  await this.save(windows.state);
  this.logger.info('the input has ended', { readings: taken, late: windows.state.late });
}
