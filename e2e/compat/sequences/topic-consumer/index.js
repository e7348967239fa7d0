'use strict';

module.exports = [
  { requires: 'bench-in', contentType: 'application/x-ndjson' },
  async function* consumer(input) {
    for await (const item of input) yield item;
  },
];
