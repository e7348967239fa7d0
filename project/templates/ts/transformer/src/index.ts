// __NAME__: records come in, other records go out.
//
// The Hub calls the exported function once, when an Instance starts. Its first
// argument is the input; the others are the arguments of the start. What it
// yields is the output, one JSON object a line.

import type { AppContext } from 'waverider';

export interface Reading {
  celsius: number;
  fahrenheit?: number;
}

export default async function* transformer(
  this: AppContext, input: AsyncIterable<Reading>, unit = 'F',
): AsyncGenerator<Reading> {
  this.logger.info('started', { unit });
  for await (const record of input) {
    yield convert(record, unit);
  }
}

// The work itself is a plain function, so that it can be tested without a Hub.
export function convert(record: Reading, unit: string): Reading {
  if (unit === 'F') return { ...record, fahrenheit: record.celsius * 1.8 + 32 };
  return record;
}
