// __NAME__: records come in, other records go out.
//
// The Hub calls the exported function once, when an Instance starts. Its first
// argument is the input; the others are the arguments of the start. What it
// yields is the output, one JSON object a line.

/**
 * @this {import('waverider').AppContext}
 * @param {AsyncIterable<any>} input
 */
export default async function* transformer(input, unit = 'F') {
  this.logger.info('started', { unit });
  for await (const record of input) {
    yield convert(record, unit);
  }
}

/**
 * The work itself is a plain function, so that it can be tested without a Hub.
 * @param {{ celsius: number }} record
 * @param {string} unit
 */
export function convert(record, unit) {
  if (unit === 'F') return { ...record, fahrenheit: record.celsius * 1.8 + 32 };
  return record;
}
