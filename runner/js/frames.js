'use strict';
// Frames of the runner protocol: 16 bytes of header, then the payload. The
// reader hands on the bytes of DATA as they come, never a whole frame.

const HEADER = 16;
const MAX_PAYLOAD = 1 << 24;

const Type = { HELLO: 1, WELCOME: 2, DATA: 3, WINDOW: 4, END: 5, MESSAGE: 6, MARK: 7 };
const Stream = { CONTROL: 0, INPUT: 1, OUTPUT: 2 };

const HIGH = 4294967296; // numbers are 64 bit on the wire, exact here up to 2^53

function writeNumber(buf, number, at) {
  buf.writeUInt32BE(Math.floor(number / HIGH), at);
  buf.writeUInt32BE(number % HIGH, at + 4);
}

function readNumber(buf, at) {
  const number = buf.readUInt32BE(at) * HIGH + buf.readUInt32BE(at + 4);
  if (number > Number.MAX_SAFE_INTEGER) throw new ProtocolError('a number over 2^53');
  return number;
}

function writeHeader(buf, type, stream, length, number) {
  buf[0] = type;
  buf[1] = 0;
  buf.writeUInt16BE(stream, 2);
  buf.writeUInt32BE(length, 4);
  writeNumber(buf, number, 8);
}

// frame is one whole frame in a buffer of its own.
function frame(type, stream, number, payload) {
  const buf = Buffer.allocUnsafe(HEADER + payload.length);
  writeHeader(buf, type, stream, payload.length, number);
  payload.copy(buf, HEADER);
  return buf;
}

const EMPTY = Buffer.alloc(0);

function windowFrame(stream, acked, limit) {
  if (limit === undefined) return frame(Type.WINDOW, stream, acked, EMPTY);
  const buf = Buffer.allocUnsafe(HEADER + 8);
  writeHeader(buf, Type.WINDOW, stream, 8, acked);
  writeNumber(buf, limit, HEADER);
  return buf;
}

const MARK = HEADER + 24; // size of a whole MARK frame

// writeMark writes a MARK frame into buf.
function writeMark(buf, { offset, done, n, exact }) {
  writeHeader(buf, Type.MARK, Stream.OUTPUT, MARK - HEADER, offset);
  writeNumber(buf, done, HEADER);
  writeNumber(buf, n, HEADER + 8);
  writeNumber(buf, exact ? 1 : 0, HEADER + 16);
}

// marksFrame is the frames of all marks in one buffer.
function marksFrame(marks) {
  const buf = Buffer.allocUnsafe(MARK * marks.length);
  marks.forEach((mark, i) => writeMark(buf.subarray(i * MARK), mark));
  return buf;
}

// ProtocolError ends a connection, not the program: the other side is asked
// again what it has.
class ProtocolError extends Error {}

// FrameReader cuts what a Hub sends into frames. onFrame gets whole payloads
// of everything but DATA, onData the pieces of DATA.
class FrameReader {
  constructor(onFrame, onData) {
    this.onFrame = onFrame;
    this.onData = onData;
    this.head = Buffer.allocUnsafe(HEADER);
    this.headLength = 0;
    this.dataLeft = 0; // of the DATA frame we are in
    this.dataAt = 0;
    this.body = null; // of the frame we collect
    this.bodyLength = 0;
    this.stopped = false; // the connection ended inside a callback
  }

  push(chunk) {
    let at = 0;
    while (at < chunk.length && !this.stopped) {
      if (this.dataLeft > 0) at = this.readData(chunk, at);
      else if (this.body !== null) at = this.readBody(chunk, at);
      else at = this.readHead(chunk, at);
    }
  }

  readData(chunk, at) {
    const n = Math.min(this.dataLeft, chunk.length - at);
    const offset = this.dataAt;
    this.dataAt += n;
    this.dataLeft -= n;
    this.onData(offset, n === chunk.length ? chunk : chunk.subarray(at, at + n));
    return at + n;
  }

  readBody(chunk, at) {
    const n = Math.min(this.body.length - this.bodyLength, chunk.length - at);
    chunk.copy(this.body, this.bodyLength, at, at + n);
    this.bodyLength += n;
    if (this.bodyLength === this.body.length) this.finish(this.body);
    return at + n;
  }

  readHead(chunk, at) {
    if (this.headLength === 0 && chunk.length - at >= HEADER) {
      this.begin(chunk, at);
      return at + HEADER;
    }
    const n = Math.min(HEADER - this.headLength, chunk.length - at);
    chunk.copy(this.head, this.headLength, at, at + n);
    this.headLength += n;
    if (this.headLength === HEADER) {
      this.headLength = 0;
      this.begin(this.head, 0);
    }
    return at + n;
  }

  begin(buf, at) {
    const type = buf[at];
    const stream = buf.readUInt16BE(at + 2);
    const length = buf.readUInt32BE(at + 4);
    const number = readNumber(buf, at + 8);
    check(type, stream, length);
    if (type === Type.DATA) {
      this.dataLeft = length;
      this.dataAt = number;
      return;
    }
    this.type = type;
    this.stream = stream;
    this.number = number;
    this.body = length === 0 ? EMPTY : Buffer.allocUnsafe(length);
    this.bodyLength = 0;
    if (length === 0) this.finish(EMPTY);
  }

  finish(payload) {
    this.body = null;
    this.onFrame(this.type, this.stream, this.number, payload);
  }
}

// check refuses what a Hub may not send.
function check(type, stream, length) {
  if (length > MAX_PAYLOAD) throw new ProtocolError(`a frame of ${length} bytes`);
  const fits =
    type === Type.WELCOME || type === Type.MESSAGE ? stream === Stream.CONTROL && length > 0
      : type === Type.DATA ? stream === Stream.INPUT && length > 0
        : type === Type.END ? stream === Stream.INPUT && length === 0
          : type === Type.WINDOW ? (stream === Stream.OUTPUT && length === 8) || (stream === Stream.CONTROL && length === 0)
            : false;
  if (!fits) throw new ProtocolError(`a frame of type ${type}, stream ${stream}, ${length} bytes`);
}

module.exports = { HEADER, MARK, MAX_PAYLOAD, Type, Stream, ProtocolError, FrameReader, frame, windowFrame, marksFrame, writeHeader, writeMark, readNumber };
