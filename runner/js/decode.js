'use strict';
// Decoders: bytes of the input in, items for the program out. An item never
// depends on how the bytes were cut on their way.

const MAX_LINE = 64 * 1024 * 1024; // bytes of one JSON line; a longer one is skipped
const NEWLINE = 10;

// baseType is a content type without its parameters.
function baseType(contentType) {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

function isLines(contentType) {
  return baseType(contentType).endsWith('x-ndjson');
}

// decoderFor is null for a type we don't know.
function decoderFor(contentType, logger) {
  const type = baseType(contentType);
  if (type.endsWith('x-ndjson')) return new ObjectDecoder(logger);
  if (type === 'text/plain') return new Utf8Decoder();
  if (type === 'application/octet-stream') return new ByteDecoder();
  return null;
}

class ByteDecoder {
  decode(bytes) {
    return [bytes];
  }

  end() {
    return [];
  }
}

// Utf8Decoder gives strings as they come, holding back a code point that is
// not whole.
class Utf8Decoder {
  constructor() {
    this.rest = null;
  }

  decode(bytes) {
    if (this.rest !== null) {
      bytes = Buffer.concat([this.rest, bytes]);
      this.rest = null;
    }
    const whole = wholeLength(bytes);
    if (whole < bytes.length) this.rest = Buffer.from(bytes.subarray(whole));
    return whole > 0 ? [bytes.toString('utf8', 0, whole)] : [];
  }

  end() {
    const { rest } = this;
    this.rest = null;
    return rest === null ? [] : [rest.toString()];
  }
}

// wholeLength is bytes.length without a UTF-8 sequence that has only begun.
function wholeLength(bytes) {
  const { length } = bytes;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back];
    if (byte < 0x80) break;
    if (byte >= 0xc0) {
      const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return size > back ? length - back : length;
    }
  }
  return length;
}

// ObjectDecoder gives the values of JSON lines. A line that is no JSON is
// logged and skipped; so is an empty one, silently.
class ObjectDecoder {
  constructor(logger) {
    this.logger = logger;
    this.line = 0; // number of the last line seen
    this.parts = []; // the line that has only begun
    this.partsLength = 0;
    this.skipping = false; // inside a line that is too long
  }

  decode(bytes) {
    const last = bytes.lastIndexOf(NEWLINE);
    if (last < 0) {
      this.keep(bytes);
      return [];
    }
    const items = [];
    let from = 0;
    if (this.partsLength > 0 || this.skipping) {
      from = bytes.indexOf(NEWLINE) + 1;
      this.keep(bytes.subarray(0, from));
      this.finishLine(items);
    }
    if (from <= last) this.parse(bytes.toString('utf8', from, last), items);
    if (last + 1 < bytes.length) this.keep(bytes.subarray(last + 1));
    return items;
  }

  end() {
    const items = [];
    if (this.partsLength > 0 || this.skipping) this.finishLine(items);
    return items;
  }

  keep(bytes) {
    if (this.skipping) return;
    this.partsLength += bytes.length;
    this.parts.push(bytes);
    if (this.partsLength <= MAX_LINE) return;
    this.skipping = true;
    this.parts = [];
    this.partsLength = 0;
  }

  finishLine(items) {
    const { parts, skipping } = this;
    this.parts = [];
    this.partsLength = 0;
    this.skipping = false;
    if (!skipping) {
      this.parseLine(Buffer.concat(parts).toString(), items);
      return;
    }
    this.line++;
    this.logger.error(`input line ${this.line} is longer than ${MAX_LINE} bytes: skipped`);
  }

  // parse takes whole lines, without the newline of the last one.
  parse(text, items) {
    let from = 0;
    for (;;) {
      const to = text.indexOf('\n', from);
      if (to < 0) break;
      this.parseLine(text.slice(from, to), items);
      from = to + 1;
    }
    this.parseLine(from === 0 ? text : text.slice(from), items);
  }

  parseLine(text, items) {
    this.line++;
    try {
      items.push(JSON.parse(text));
    } catch (err) {
      if (text.trim() === '') return;
      this.logger.error(`input line ${this.line} is not JSON: skipped`, { error: err.message, line: text.slice(0, 200) });
    }
  }
}

module.exports = { decoderFor, baseType, isLines };
