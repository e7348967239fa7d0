'use strict';
// The input as a program sees it: a Readable in object mode whose items are
// objects, strings or Buffers by content type. Iterating it does not pass
// through Node's stream machinery item by item, and nothing here loads the
// scramjet library until one of its methods is called.

const { Readable } = require('stream');
const { addScramjet } = require('./scramjet');

const TURN = 256 * 1024; // bytes taken before other events get a turn

class InputStream extends Readable {
  constructor(input) {
    super({ objectMode: true, highWaterMark: 1 });
    this._input = input;
    this._reading = false;
    this._iterating = false;
    this._batch = null; // items of the batch that are not pushed yet
  }

  get contentType() {
    return this._input.contentType || undefined;
  }

  // A program may declare another type for what it returns.
  set contentType(value) {
    Object.defineProperty(this, 'contentType', { value, writable: true, enumerable: true, configurable: true });
  }

  _read() {
    if (this._reading || this._iterating) return;
    this._reading = true;
    if (this._batch === null) this._begin();
    process.nextTick(() => this._pump());
  }

  // _begin: this is not the input of an iterator.
  _begin() {
    this._batch = 0;
    this._input.nulls = false;
    const { progress } = this._input;
    if (progress === null) return;
    progress.reader = this;
    progress.streamed(this);
    this.read = (n) => {
      progress.touch();
      return super.read(n);
    };
  }

  // left is what was taken of the input and not handed out.
  left() {
    return this._batch + this.readableLength;
  }

  // _pump pushes whole batches for as long as they are taken, always from an
  // event of its own: then listeners are called straight from push.
  _pump() {
    const begun = this._input.position();
    while (!this.destroyed) {
      const items = this._next();
      if (items === null) return;
      let wanted = true;
      for (let i = 0; i < items.length; i++) {
        this._batch = items.length - i - 1;
        wanted = this._pushItem(items[i]);
      }
      if (!wanted) {
        this._reading = false;
        return;
      }
      if (this._input.position() - begun >= TURN) {
        setImmediate(() => this._pump());
        return;
      }
    }
  }

  // _next is the next batch, or null when there is none now: then it sees to
  // what comes next.
  _next() {
    let items;
    try {
      items = this._input.next();
    } catch (err) {
      this.destroy(err);
      return null;
    }
    if (items === null && this._input.done()) this.push(null);
    else if (items === null) this._input.wait(() => this._pump());
    return items;
  }

  // _pushItem pushes one value and tells whether more is wanted. What a
  // listener of the program throws is its own uncaught exception; the values
  // after this one must not go with it.
  _pushItem(item) {
    try {
      return this.push(item);
    } catch (err) {
      process.nextTick(() => { throw err; });
      return this.readableLength === 0;
    }
  }

  // untouched tells that nobody has begun to read.
  untouched() {
    return !this._iterating && !this._reading && !this.destroyed && !this.readableDidRead &&
      this.readableFlowing === null && this.readableLength === 0 && this.readableEncoding === null &&
      this.listenerCount('readable') === 0 && this.listenerCount('data') === 0;
  }

  // whenUnread resolves when nobody reads (any more).
  whenUnread() {
    if (this.untouched() || this.destroyed || this.readableEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.once('end', resolve);
      this.once('close', resolve);
    });
  }

  // takeInput makes the caller the only reader. Whoever takes the input calls
  // finishInput at its end, so that listeners of 'end' and 'close' get theirs.
  takeInput() {
    this._iterating = true;
    return this._input;
  }

  finishInput() {
    if (this.destroyed) return;
    this.push(null);
    this.resume();
  }

  [Symbol.asyncIterator]() {
    return this.untouched() ? new Batches(this) : super[Symbol.asyncIterator]();
  }
}

// Batches iterates the decoded arrays directly.
class Batches {
  constructor(stream) {
    this.stream = stream;
    this.input = stream.takeInput();
    this.items = [];
    this.at = 0;
    this.turned = 0; // where other events had their turn last
    this.ended = false;
    this.refilling = null; // the promise of a next() that waits
    this.error = null;
    stream.once('close', () => this.close());
    this.progress = this.input.progress;
    this.asking = false; // next() was called and its caller can't have gone on yet
    this.lost = 0; // items that nobody will be given
    if (this.progress !== null) this.progress.reader = this;
  }

  // left is what was taken of the input and not handed out.
  left() {
    return this.lost + this.items.length - this.at;
  }

  next() {
    if (this.progress !== null) this.watch();
    if (this.refilling === null && this.at < this.items.length) return this.hand();
    return this.step();
  }

  step() {
    if (this.refilling !== null) return this.refilling.then(() => this.step());
    if (this.at < this.items.length) return this.hand();
    if (this.ended) return this.last();
    if (!this.due() && this.fetch()) return this.step();
    this.refilling = this.refill().finally(() => {
      this.refilling = null;
    });
    return this.refilling.then(() => this.step());
  }

  hand() {
    if (this.progress !== null) this.progress.inWork = true;
    return Promise.resolve({ value: this.items[this.at++], done: false });
  }

  // watch tells that the program asks for an item. One that asks for several
  // at a time is found out at the beginning of a batch.
  watch() {
    if (this.asking || this.refilling !== null) this.progress.readsAhead();
    this.progress.asked();
    if (this.at > 0 && this.at < this.items.length) return;
    this.asking = true;
    queueMicrotask(() => {
      this.asking = false;
    });
  }

  // due: other events have waited long enough.
  due() {
    return this.input.position() - this.turned >= TURN;
  }

  last() {
    const { error } = this;
    this.error = null;
    return error === null ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
  }

  async refill() {
    for (;;) {
      if (this.ended) return;
      if (this.due()) {
        this.turned = this.input.position();
        await new Promise((go) => setImmediate(go));
        continue;
      }
      if (this.fetch()) return;
      if (this.progress !== null) this.progress.idle();
      await new Promise((go) => {
        this.wake = go;
        this.input.wait(go);
      });
      this.turned = this.input.position();
    }
  }

  // fetch is true when there are items, or there will be none.
  fetch() {
    let items;
    try {
      items = this.input.next();
    } catch (err) {
      this.error = err;
      this.ended = true;
      this.stream.destroy();
      return true;
    }
    if (items !== null) {
      this.items = items;
      this.at = 0;
      return true;
    }
    if (!this.input.done()) return false;
    this.ended = true;
    this.stream.finishInput();
    return true;
  }

  close() {
    this.ended = true;
    this.drop();
    if (this.stream.errored) this.error = this.stream.errored;
    if (this.wake) this.wake();
  }

  drop() {
    this.lost = this.left();
    this.items = [];
    this.at = 0;
  }

  return(value) {
    this.ended = true;
    this.drop();
    this.stream.destroy();
    return Promise.resolve({ value, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

addScramjet(InputStream.prototype);

module.exports = { InputStream };
