'use strict';
// Held: what streams have taken in and not given out, as far as that can be
// seen from outside.

// held counts what is in the streams that others feed by pipe, from those given
// on: items of object streams, bytes of others. The streams of scramjet work
// on some items besides, which they don't show: as many as they may count.
function held(streams) {
  const all = new Set(streams);
  let items = 0, bytes = 0;
  for (const stream of all) { // grows meanwhile
    for (const next of piped(stream)) all.add(next);
    const { readableLength = 0, writableLength = 0 } = stream;
    if (stream.writableObjectMode) items += writableLength; else bytes += writableLength;
    if (stream.readableObjectMode) items += readableLength; else bytes += readableLength;
    items += parallel(stream);
  }
  return { items, bytes };
}

// piped are the streams that a stream is piped to. Node tells nobody; where it
// keeps them has been the same since version 14.
function piped(stream) {
  const { pipes } = stream._readableState || {};
  return Array.isArray(pipes) ? pipes : [];
}

function parallel({ pushTransform, _options: options }) {
  return typeof pushTransform === 'function' && options ? Number(options.maxParallel) || 0 : 0;
}

module.exports = { held, piped };
