// __NAME__: records come in, nothing goes out; what they lead to happens here.
//
// The Hub calls the exported function once, when an Instance starts. Its first
// argument is the input; the others are the arguments of the start.

import type { AppContext } from 'waverider';

const SAVE_EVERY = 100; // records

export interface Totals {
  records: number;
  sum: number;
}

export default async function consumer(this: AppContext, input: AsyncIterable<{ value?: number }>): Promise<void> {
  // What the last run has saved is still there, also after a power cut.
  const totals = (this.load() as Totals | undefined) ?? { records: 0, sum: 0 };
  for await (const record of input) {
    add(totals, record);
    if (totals.records % SAVE_EVERY === 0) await this.save(totals);
  }
  await this.save(totals);
  this.logger.info('the input has ended', totals);
}

// The work itself is a plain function, so that it can be tested without a Hub.
export function add(totals: Totals, record: { value?: number }): void {
  totals.records += 1;
  totals.sum += record.value ?? 0;
}
