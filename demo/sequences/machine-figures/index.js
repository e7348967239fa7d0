// machine-figures: a Sequence without input. It reads figures of the machine
// it runs on and yields one object per reading; the Hub makes each a line of
// JSON in the output.

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

  const machine = await Machine.open();
  this.logger.info(`reading every ${every} ms`, { host: machine.host, source: machine.source });

  // Readings keep to a fixed beat. When the beat is lost, because the machine
  // slept or nobody read the output, it starts anew instead of catching up.
  let next = performance.now();
  while (!stopped.signal.aborted) {
    next = Math.max(next + every, performance.now());
    await pause(next - performance.now(), undefined, { signal: stopped.signal }).catch(() => {});
    if (stopped.signal.aborted) return;
    yield await machine.read();
  }
}
