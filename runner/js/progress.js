'use strict';
// Progress: how much of its input the program has finished, and where in its
// output that was. A Hub that feeds a program from a Topic is told both, as
// marks, and so knows what it need not give again.

const { held, piped } = require('./held');

// A program that does not pull one by one may work on so many records besides
// those that can be seen in its streams.
const READ_AHEAD = 64;
const PIECE = 2 * 1024; // bytes that count for a record where the input has none
const MARK_WITHIN = 5; // ms

class Progress {
  constructor({ readAhead, skip = null }, input, output, logger) {
    this.input = input;
    this.output = output;
    this.logger = logger;
    this.readAhead = readAhead || READ_AHEAD;
    this.skip = skip; // {done, n}: output that an earlier run has given, null when that is over
    this.reader = null; // who takes the input: left() is what it was given and has not handed out
    this.identity = false; // the runner itself passes the input on
    this.ahead = readAhead > 0; // the program may work on several pieces at a time
    this.streams = []; // the input, when it is read as a stream, and a stream that was returned
    this.wanted = true; // the output is waiting for the program
    this.over = false; // no more output can come of what was handed out
    this.given = 0; // pieces (items of the decoder) given to the reader
    this.inWork = false; // the program has not asked for more since it got the last one
    this.gaps = []; // {after: pieces, skipped: lines so far that were no piece}
    this.skipped = 0; // of the last gap that is passed
    this.ends = []; // byte offsets of the ends of pieces, of those not finished
    this.passed = { pieces: 0, end: 0 }; // what was dropped from ends
    this.units = 0; // emitted, or dropped by skip
    this.base = 0; // units when the number of finished pieces became what it is
    this.said = 0; // input records or bytes finished, as last told; never goes back
    this.timer = null;
  }

  // gave is told of the pieces that the input gives to its reader, and where
  // they end in it.
  gave(pieces, end) {
    this.given += pieces;
    if (!this.input.lines) this.ends.push(end);
    this.touch();
  }

  // skippedLine: a line after so many pieces of the batch was no piece.
  skippedLine(pieces) {
    const after = this.given + pieces;
    const last = this.gaps[this.gaps.length - 1];
    if (last !== undefined && last.after === after) last.skipped++;
    else this.gaps.push({ after, skipped: (last === undefined ? this.skipped : last.skipped) + 1 });
    if (!this.ahead && after === this.finished()) this.base = this.units;
    this.touch();
  }

  // asked: the program wants the next piece, so it has finished the one before.
  asked() {
    if (!this.wanted) this.readsAhead();
    if (!this.inWork) return;
    this.inWork = false;
    if (!this.ahead) this.base = this.units; // else it has not finished what it had
    this.touch();
  }

  // readsAhead: what was handed out need not be finished when more is asked for.
  readsAhead() {
    this.ahead = true;
  }

  // streamed: the program reads the input as a stream, or has returned one.
  streamed(stream) {
    this.readsAhead();
    this.streams.push(stream);
  }

  // held is what can be seen of it in the program's streams.
  held() {
    const [first, ...rest] = this.streams;
    return held(first === this.reader ? [...piped(first), ...rest] : this.streams);
  }

  handed() {
    return this.given - (this.reader === null ? 0 : this.reader.left());
  }

  // finished is how many pieces are.
  finished() {
    if (this.over || this.identity) return this.handed();
    if (!this.ahead) return this.handed() - (this.inWork ? 1 : 0);
    const { items, bytes } = this.held();
    return Math.max(0, this.handed() - this.readAhead - items - (this.input.lines ? bytes : 0));
  }

  // finishedBytes is the limit that bytes in the program's streams set.
  finishedBytes() {
    const handed = this.place(this.handed());
    if (this.over || !this.ahead) return handed;
    return Math.max(0, handed - this.readAhead * PIECE - this.held().bytes);
  }

  exact() {
    return this.identity || (!this.ahead && (this.input.lines || this.given === 0));
  }

  // done is how many records of the input, or bytes, are finished.
  done() {
    const pieces = this.finished();
    if (this.input.lines) {
      while (this.gaps.length > 0 && this.gaps[0].after <= pieces) this.skipped = this.gaps.shift().skipped;
      return this.tell(pieces + this.skipped);
    }
    while (this.passed.pieces < pieces) this.passed = { pieces: this.passed.pieces + 1, end: this.ends.shift() };
    return this.tell(Math.min(this.passed.end, this.finishedBytes()));
  }

  tell(done) {
    if (done > this.said) {
      this.said = done;
      if (this.ahead || this.identity) this.base = this.units;
    }
    return this.said;
  }

  // place is how many records, or bytes, so many pieces are.
  place(pieces) {
    if (!this.input.lines) return pieces > this.passed.pieces ? this.ends[pieces - this.passed.pieces - 1] : this.passed.end;
    let { skipped } = this;
    for (const gap of this.gaps) {
      if (gap.after > pieces) break;
      skipped = gap.skipped;
    }
    return pieces + skipped;
  }

  // at is where the program is: (done, n).
  at() {
    const done = this.done();
    return { done, n: this.units - this.base, exact: this.exact() };
  }

  // emit counts what the program emits and returns what is left of it, when an
  // earlier run has given some already.
  emit(piece) {
    if (this.skip !== null) return this.drop(piece);
    this.count(piece);
    return piece;
  }

  count(piece) {
    this.units += this.output.lines ? 1 : Buffer.byteLength(piece);
  }

  drop(piece) {
    const { done, n, exact } = this.at();
    const { skip } = this;
    if (!exact) this.cannotSkip();
    else if (done > skip.done || (done === skip.done && n >= skip.n)) this.skip = null;
    this.count(piece);
    if (this.skip === null) return piece;
    if (done < skip.done || this.output.lines) return piece.slice(0, 0);
    const left = skip.n - n;
    if (this.units - this.base <= skip.n) return piece.slice(0, 0);
    this.skip = null;
    return Buffer.from(piece).subarray(left);
  }

  cannotSkip() {
    this.skip = null;
    this.logger.warn('this program does not take its input one by one: output that was given before may come again');
  }

  // dropItems is what is left of a batch that the runner passes on.
  dropItems(items) {
    const { skip } = this;
    const first = this.given - items.length;
    let i = 0;
    while (i < items.length && this.skip !== null) {
      const before = this.place(first + i);
      if (before < skip.done) {
        i++;
      } else {
        if (before === skip.done && skip.n > 0) i++;
        this.skip = null;
      }
    }
    return i === 0 ? items : items.slice(i);
  }

  // dropBytes is the same for bytes that end at the input's position.
  dropBytes(bytes) {
    const left = this.skip.done + this.skip.n - (this.place(this.given) - bytes.length);
    if (left < bytes.length) this.skip = null;
    return left <= 0 ? bytes : bytes.subarray(left);
  }

  // saved is what a state covers that the program saves now: all it was given.
  saved() {
    return { done: this.place(this.handed()) };
  }

  // touch sees to it that progress is told soon.
  touch() {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.output.mark();
    }, MARK_WITHIN);
    this.timer.unref();
  }

  // idle: the program waits for more input.
  idle() {
    this.output.mark();
  }

  // complete: no more output will come, so all that was handed out is finished.
  complete() {
    this.over = true;
    this.output.mark();
  }
}

module.exports = { Progress };
