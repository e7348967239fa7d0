// csv-to-ndjson: CSV in, one JSON object for each row out. The first row names
// the fields.

import { rows } from './csv.js';

export default async function* csvToNdjson(input, separator = ',') {
  let names;
  for await (const row of rows(input, separator)) {
    if (names === undefined) {
      names = row;
    } else if (row.length !== names.length) {
      // One bad row must not stop the others: say so in the log and go on.
      this.logger.warn(`a row of ${row.length} fields, expected ${names.length}: skipped`, row);
    } else {
      yield Object.fromEntries(names.map((name, i) => [name, row[i]]));
    }
  }
}
