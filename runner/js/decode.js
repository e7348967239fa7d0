'use strict';
// Decoders: bytes of the input in, items for the program out. An item never
// depends on how the bytes were cut on their way. decode gives the first items
// of new bytes, more the next ones until there are none, end what is left when
// the input has ended.

const MAX_LINE = 64 * 1024 * 1024; // bytes of one JSON line; a longer one is skipped
const NEWLINE = 10;
const GROUP = 64; // values parsed at a time: the collector likes those that die young
const NONE = [];

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
  held() {
    return 0;
  }

  decode(bytes) {
    return [bytes];
  }

  more() {
    return NONE;
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

  held() {
    return this.rest === null ? 0 : this.rest.length;
  }

  decode(bytes) {
    if (this.rest !== null) {
      bytes = Buffer.concat([this.rest, bytes]);
      this.rest = null;
    }
    const whole = wholeLength(bytes);
    if (whole < bytes.length) this.rest = Buffer.from(bytes.subarray(whole));
    return whole > 0 ? [bytes.toString('utf8', 0, whole)] : NONE;
  }

  more() {
    return NONE;
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
// logged and skipped; so is an empty one, silently. (Parsing many lines as one
// array was measured to be no faster once it was made safe against a line that
// closes what another one opened.)
class ObjectDecoder {
  constructor(logger) {
    this.logger = logger;
    this.line = 0; // number of the last line seen
    this.text = ''; // whole lines, to be parsed from `at` on
    this.at = 0;
    this.parts = []; // the line that has only begun
    this.partsLength = 0;
    this.skipping = false; // inside a line that is too long
    this.nulls = true; // null is a value that can be handed on
    this.onSkip = () => {}; // a line after so many items of this batch was no value
  }

  decode(bytes) {
    const after = bytes.lastIndexOf(NEWLINE) + 1;
    if (after === 0) {
      this.keep(bytes);
      return NONE;
    }
    const items = [];
    let from = 0;
    if (this.partsLength > 0 || this.skipping) {
      from = bytes.indexOf(NEWLINE) + 1;
      this.keep(bytes.subarray(0, from));
      this.finishLine(items);
    }
    this.text = from < after ? bytes.toString('utf8', from, after) : '';
    this.at = 0;
    if (after < bytes.length) this.keep(bytes.subarray(after));
    return items.length > 0 ? items : this.more();
  }

  more() {
    const { text } = this;
    if (text === '') return NONE;
    const items = [];
    let { at } = this;
    while (at < text.length && items.length < GROUP) {
      const to = text.indexOf('\n', at);
      this.parseLine(text.slice(at, to), items);
      at = to + 1;
    }
    this.at = at;
    if (at === text.length) this.text = '';
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
    this.onSkip(items.length);
    this.logger.error(`input line ${this.line} is longer than ${MAX_LINE} bytes: skipped`);
  }

  // skipNull: a JSON null is a value of its own for those who iterate, but ends
  // a Readable: it can't be told apart there.
  skipNull(items) {
    this.onSkip(items.length);
    this.logger.error('the input has the value null, which a stream cannot carry: skipped (use for await)');
  }

  parseLine(text, items) {
    this.line++;
    try {
      const value = JSON.parse(text);
      if (value === null && !this.nulls) this.skipNull(items);
      else items.push(value);
    } catch (err) {
      this.onSkip(items.length);
      if (text.trim() === '') return;
      this.logger.error(`input line ${this.line} is not JSON: skipped`, { error: err.message, line: text.slice(0, 200) });
    }
  }
}

module.exports = { decoderFor, baseType, isLines };
