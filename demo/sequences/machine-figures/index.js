// machine-figures: a Sequence without input. It reads figures of the machine
// it runs on and yields one object per reading; the Hub makes each a line of
// JSON in the output, or a record of the Topic it was started to write.

import { setTimeout as pause } from 'node:timers/promises';
import { Machine } from './machine.js';

// The program is one function. `this` is what the Hub gives to a running
// program: a logger, its configuration, events, saved state. The first
// argument is the input, which is not needed here; the others are the
// arguments of the start request or, without any, `args` of package.json.
export default async function* machineFigures(_input, every = 500) {
  if (!(every >= 10)) throw new RangeError(`the interval must be 10 ms or more, not ${every}`);

  // A stop wakes the pause below, so that the program ends at once.
  const stopped = new AbortController();
  this.addStopHandler(() => stopped.abort());

  // Every run numbers its readings from 1, and has a number of its own, so that
  // who reads them can tell whether one is missing or came twice.
  const run = (this.load()?.run ?? 0) + 1;
  await this.save({ run });

  const machine = await Machine.open();
  this.logger.info(`reading every ${every} ms`, { run, host: machine.host, source: machine.source });

  // Readings keep to a fixed beat. When the beat is lost, because the machine
  // slept or nobody read the output, it starts anew instead of catching up.
  let next = performance.now();
  for (let n = 1; ; n += 1) {
    next = Math.max(next + every, performance.now());
    await pause(next - performance.now(), undefined, { signal: stopped.signal }).catch(() => {});
    if (stopped.signal.aborted) return;
    yield { run, n, ...await machine.read() };
  }
}
