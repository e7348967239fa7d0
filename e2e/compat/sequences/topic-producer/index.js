'use strict';

const { PassThrough } = require('node:stream');

// producer sends records to the Topic named, or to the one of the start.
module.exports = function producer(_input, topic, count = 3, size = 10) {
  const out = new PassThrough({ objectMode: true });
  out.topic = topic;
  out.contentType = 'application/x-ndjson';
  for (let i = 0; i < count; i++) out.write({ i, pad: 'x'.repeat(size) });
  return out;
};
