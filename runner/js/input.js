'use strict';
// Input: the bytes the Hub sent and the program has not taken yet. Credit goes
// back to the Hub when the program takes, not when bytes arrive.

const { ProtocolError } = require('./frames');
const { decoderFor, baseType, isLines } = require('./decode');

const WINDOW = 4 * 1024 * 1024;
const QUARTER = WINDOW / 4;

class Input {
  constructor(channel, logger) {
    this.channel = channel;
    this.logger = logger;
    this.received = 0;
    this.consumed = 0;
    this.ended = false; // END has come
    this.toldReceived = 0;
    this.toldLimit = WINDOW;
    this.queue = [];
    this.taken = 0; // bytes of the last batch, consumed when the next is asked for
    this.contentType = '';
    this.lines = false; // records are lines, else bytes
    this.nulls = true; // the reader can be handed null
    this.progress = null; // where the Hub wants marks
    this.declared = ''; // by the program, for a topic
    this.decoder = null;
    this.failure = null;
    this.flushed = false; // the decoder's rest was given out after END
    this.waiter = null;
  }

  hello() {
    this.told();
    return { received: this.received, limit: this.toldLimit, ended: this.ended };
  }

  limit() {
    return this.consumed + WINDOW;
  }

  // moved: the Hub does not know yet what we have or may be sent.
  moved() {
    return this.received > this.toldReceived || this.limit() > this.toldLimit;
  }

  told() {
    this.toldReceived = this.received;
    this.toldLimit = this.limit();
  }

  tell() {
    if (!this.moved()) return;
    const now = this.limit() - this.toldLimit >= QUARTER || this.received - this.toldReceived >= QUARTER;
    this.channel.inputMoved(now);
  }

  resume(acked) {
    if (acked > this.received) throw new ProtocolError('the Hub takes more input for acked than came');
  }

  receive(offset, bytes) {
    if (offset !== this.received) throw new ProtocolError('a gap in the input');
    if (this.ended) throw new ProtocolError('input after its end');
    if (offset + bytes.length > this.toldLimit) throw new ProtocolError('input over its limit');
    this.received += bytes.length;
    this.queue.push(bytes);
    this.wake();
    this.tell();
  }

  finish(length) {
    if (length !== this.received) throw new ProtocolError('the input ends elsewhere');
    this.ended = true;
    this.channel.inputMoved(true);
    this.wake();
  }

  // setType fixes what the input is; the first one decides.
  setType(contentType) {
    if (this.contentType !== '' || !contentType) return;
    this.contentType = contentType;
    this.channel.contentType = contentType;
    this.wake();
  }

  // declare names the type for a topic's input, used when the Hub tells none.
  declare(contentType) {
    this.declared = contentType;
  }

  // type is known from the first byte on.
  type() {
    if (this.contentType === '' && this.declared !== '' && this.queue.length > 0) this.setType(this.declared);
    return this.contentType;
  }

  done() {
    return this.failure !== null || (this.ended && this.queue.length === 0 && this.flushed);
  }

  // position is how far the program has come.
  position() {
    return this.consumed + this.taken;
  }

  // isRead: somebody waits for more.
  isRead() {
    return this.waiter !== null && !this.done();
  }

  // wait calls back when next() may have something new, once.
  wait(wake) {
    this.waiter = wake;
  }

  wake() {
    const wake = this.waiter;
    if (wake === null) return;
    this.waiter = null;
    wake();
  }

  // nextBytes is what came next, undecoded; null when nothing is there.
  nextBytes() {
    this.credit();
    if (this.queue.length === 0) {
      if (this.ended) this.flushed = true;
      return null;
    }
    const bytes = this.queue.shift();
    this.taken = bytes.length;
    if (this.progress !== null) this.progress.gave(1, this.position());
    return bytes;
  }

  // next is an array of decoded items, or null when nothing is there now (or
  // ever: see done). It throws once when the type is one we don't know.
  next() {
    const items = this.decode();
    if (items !== null && this.progress !== null) this.progress.gave(items.length, this.lines ? 0 : this.position() - this.decoder.held());
    return items;
  }

  decode() {
    const rest = this.decoder === null ? null : this.decoder.more();
    if (rest !== null && rest.length > 0) return rest;
    this.credit();
    if (this.failure !== null || !this.ready()) return null;
    while (this.queue.length > 0) {
      const bytes = this.queue.shift();
      this.taken += bytes.length;
      const items = this.decoder.decode(bytes);
      if (items.length > 0) return items;
    }
    this.credit(); // what has only begun is the decoder's; its rest must be able to come
    if (!this.ended || this.flushed) return null;
    this.flushed = true;
    const items = this.decoder.end();
    return items.length > 0 ? items : null;
  }

  // ready chooses the decoder as soon as the type is known. An input that
  // ends without ever having had a type is empty.
  ready() {
    if (this.decoder !== null) return true;
    const type = this.type();
    if (type === '') {
      if (this.ended && this.queue.length === 0) this.flushed = true;
      return false;
    }
    this.decoder = decoderFor(type, this.logger);
    if (this.decoder !== null) {
      this.lines = isLines(type);
      this.decoder.nulls = this.nulls;
      if (this.progress !== null) this.decoder.onSkip = (items) => this.progress.skippedLine(items);
      return true;
    }
    this.failure = new Error(`Content-Type ${JSON.stringify(type)} is not supported as input: ` +
      'use application/x-ndjson, text/plain or application/octet-stream');
    this.logger.error(this.failure.message);
    throw this.failure;
  }

  credit() {
    if (this.taken === 0) return;
    this.consumed += this.taken;
    this.taken = 0;
    this.tell();
  }
}

module.exports = { Input, baseType };
