// gzip: bytes in, the same bytes compressed out. A program may return any stream.

import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';

export default function gzip(input, level = '6') {
  // pipeline, unlike pipe, also ends the one stream when the other fails.
  return pipeline(input, createGzip({ level: Number(level) }), (err) => {
    if (err) this.logger.error('compression failed', err);
  });
}
