'use strict';
// What the program returned becomes the bytes of its output.

const { InputStream } = require('./input-stream');
const { isLines } = require('./decode');
const { kindOf } = require('./scramjet');

const LINES = 'application/x-ndjson';
const TEXT = 'text/plain';
const BYTES = 'application/octet-stream';
const TURN = 256 * 1024; // bytes written before other events get a turn

// produce writes value to output and resolves at its end. announce is called
// once, before the first byte, with what the output is; declared is what says
// so, the value itself or the function that makes it; else wanted does.
async function produce(value, output, announce, wanted = '', declared = value) {
  if (value === undefined) return; // no output, as the program returned nothing
  if (value === null) throw new TypeError('the program returned null: return a stream, an iterable, a value or nothing');
  switch (typeof value) {
    case 'string': case 'number': case 'boolean': case 'bigint':
      announce({ contentType: TEXT, encoding: 'utf-8' });
      output.write(String(value));
      return;
    case 'function':
      await produce(await value(), output, announce, wanted, value.contentType ? value : undefined);
      return;
    default:
  }
  const told = new Announcement(declared, (about) => {
    output.lines = isLines(about.contentType);
    announce(about);
  });
  const whole = value instanceof InputStream && value.untouched();
  if (wanted && !whole) told.is(wanted);
  if (whole && !told.known()) {
    await produceInput(value, output, told);
  } else if (isStream(value) && !whole) {
    await produceStream(value, output, told);
  } else if (value instanceof Uint8Array) {
    told.is(BYTES);
    output.write(value);
  } else if (isIterable(value)) {
    await produceIterable(value, output, told);
  } else {
    throw new TypeError('the program returned an object that is neither a stream nor iterable');
  }
}

function isStream(value) {
  return typeof value.pipe === 'function' && typeof value.on === 'function';
}

function isIterable(value) {
  return typeof value[Symbol.asyncIterator] === 'function' || typeof value[Symbol.iterator] === 'function';
}

// Announcement says what the output is, as early as it is known: declared by
// the program, or told by its first item.
class Announcement {
  constructor(value, announce) {
    this.announce = announce;
    this.provides = typeof value.topic === 'string' ? value.topic : undefined;
    this.encoding = value.readableEncoding || undefined;
    this.contentType = '';
    const declared = !(value instanceof InputStream) || Object.prototype.hasOwnProperty.call(value, 'contentType');
    if (declared && typeof value.contentType === 'string' && value.contentType !== '') this.is(value.contentType);
  }

  is(contentType) {
    if (this.contentType !== '') return;
    this.contentType = contentType;
    this.announce({ provides: this.provides, contentType, encoding: this.encoding });
  }

  known() {
    return this.contentType !== '';
  }

  // encoder is how items become bytes.
  encoder() {
    return isLines(this.contentType) ? line : raw;
  }
}

// line is an item as one line of JSON. What JSON can't express as a value of
// its own (undefined, a function) is no record.
function line(item) {
  const text = JSON.stringify(item);
  return text === undefined ? '' : text + '\n';
}

// raw is an item of a text or byte output.
function raw(item) {
  if (typeof item === 'string' || item instanceof Uint8Array) return item;
  return typeof item === 'object' ? line(item) : String(item);
}

function credit(output) {
  return new Promise((go) => output.onCredit(go));
}

function turn() {
  return new Promise((go) => setImmediate(go));
}

// produceInput passes on the input that a program returned as it got it: whole
// batches of objects, the very bytes of anything else.
async function produceInput(stream, output, told) {
  const input = stream.takeInput();
  const { progress } = input;
  if (progress !== null) progress.identity = true;
  stream.once('close', () => input.wake());
  let turned = output.next;
  while (!stream.destroyed) {
    if (!output.credit()) await credit(output);
    const piece = nextPiece(input, told);
    if (piece !== null) {
      output.write(piece);
      if (output.next - turned > TURN) {
        await turn();
        turned = output.next;
      }
    } else if (input.done()) {
      stream.finishInput();
      return;
    } else {
      if (progress !== null) progress.idle();
      await new Promise((go) => input.wait(go));
    }
  }
}

function nextPiece(input, told) {
  if (!input.ready()) return null;
  told.is(input.type());
  const skipping = input.progress !== null && input.progress.skip !== null;
  if (!input.lines) {
    const bytes = input.nextBytes();
    return skipping && bytes !== null ? input.progress.dropBytes(bytes) : bytes;
  }
  let batch = input.next();
  if (batch === null) return null;
  if (skipping) batch = input.progress.dropItems(batch);
  let text = '';
  for (let i = 0; i < batch.length; i++) text += JSON.stringify(batch[i]) + '\n';
  return text;
}

// produceStream lets a stream flow as long as the Hub wants more.
function produceStream(stream, output, told) {
  if (output.progress !== null) output.progress.streamed(stream);
  const kind = kindOf(stream);
  if (kind !== '') told.is({ StringStream: TEXT, BufferStream: BYTES, DataStream: LINES }[kind]);
  let encode = told.known() ? told.encoder() : null;
  const write = (chunk) => {
    if (encode === null) {
      told.is(streamType(stream, chunk));
      encode = told.encoder();
    }
    if (output.write(encode(chunk))) return;
    stream.pause();
    output.onCredit(() => stream.resume());
  };
  return new Promise((resolve, reject) => {
    const fail = (err) => {
      reject(err);
      if (typeof stream.destroy === 'function') stream.destroy();
    };
    stream.on('error', fail);
    stream.on('end', resolve);
    stream.on('close', resolve); // destroyed by the program: that is its end too
    if (stream.errored) fail(stream.errored);
    else if (stream.readableEnded || stream.destroyed) resolve();
    const flow = () => stream.on('data', (chunk) => {
      try {
        write(chunk);
      } catch (err) {
        fail(err);
      }
    });
    if (output.credit()) flow();
    else output.onCredit(flow);
  });
}

// streamType tells what a stream is by its first item, where nothing else does.
function streamType(stream, chunk) {
  if (stream instanceof InputStream) return stream.contentType;
  if (typeof chunk === 'string') return TEXT;
  return chunk instanceof Uint8Array ? BYTES : LINES;
}

// produceIterable asks for an item only when the Hub wants one. What a
// generator returns at its end counts as an item, as it does in scramjet.
async function produceIterable(value, output, told) {
  const async = typeof value[Symbol.asyncIterator] === 'function';
  const iterator = async ? value[Symbol.asyncIterator]() : value[Symbol.iterator]();
  const progress = output.progress === null ? {} : output.progress;
  let encode = told.known() ? told.encoder() : null;
  let turned = output.next;
  for (;;) {
    if (!output.credit()) await credit(output);
    progress.wanted = true;
    const step = async ? await iterator.next() : iterator.next();
    const item = isPromise(step.value) ? await step.value : step.value;
    progress.wanted = false;
    if (item !== undefined && !(step.done && !item)) {
      if (encode === null) {
        told.is(item instanceof Uint8Array ? BYTES : LINES);
        encode = told.encoder();
      }
      output.write(encode(item));
    }
    if (step.done) return;
    if (output.next - turned > TURN) {
      await turn();
      turned = output.next;
    }
  }
}

function isPromise(value) {
  return typeof value === 'object' && value !== null && typeof value.then === 'function';
}

module.exports = { produce, isStream, isIterable };
