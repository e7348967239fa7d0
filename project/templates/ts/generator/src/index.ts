// __NAME__: a program without input that puts out records.
//
// The Hub calls the exported function once, when an Instance starts. Its first
// argument is the input, which is not needed here; the others are the arguments
// of the start. What it yields is the output, one JSON object a line. While
// nobody reads the output, the Hub lets the program wait.

import { setTimeout as pause } from 'node:timers/promises';
import type { AppContext } from 'waverider';

export interface Measurement {
  n: number;
  at: string;
  value: number;
}

export default async function* generator(
  this: AppContext, _input: unknown, every = 1000,
): AsyncGenerator<Measurement> {
  // A stop ends the pause, so that the program need not be killed.
  const stopped = new AbortController();
  this.addStopHandler(() => stopped.abort());

  for (let n = 1; !stopped.signal.aborted; n += 1) {
    yield measure(n);
    await pause(every, undefined, { signal: stopped.signal }).catch(() => {});
  }
}

// The work itself is a plain function, so that it can be tested without a Hub.
export function measure(n: number): Measurement {
  return { n, at: new Date().toISOString(), value: Math.sin(n / 10) };
}
