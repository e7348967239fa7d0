'use strict';
// Output: what the program gave and the Hub has not acked. It takes no more
// than the Hub gives credit for, so a program nobody reads stands still.

const { ProtocolError } = require('./frames');

const FLUSH_AT = 64 * 1024; // characters or bytes gathered before they are sent
const GATHER_BELOW = 8 * 1024; // a smaller Buffer is copied together with others
const FRAME = 256 * 1024;

class Output {
  constructor(channel) {
    this.channel = channel;
    this.next = 0; // offset after the last byte in kept
    this.sent = 0;
    this.acked = 0;
    this.limit = 0;
    this.kept = []; // {offset, bytes}, from `head` on; unacked
    this.head = 0;
    this.unsent = 0; // index in kept of the first entry not wholly sent
    this.text = ''; // gathered strings
    this.small = []; // gathered Buffers; only one of text and small is in use
    this.smallLength = 0;
    this.flushing = false;
    this.ending = false; // nothing more will be written
    this.endSent = false;
    this.endAcked = false;
    this.waiting = []; // for credit
    this.lines = false; // the program's items are lines, else text or bytes
    this.progress = null; // where the Hub wants marks
    this.marked = null; // the newest mark for what was acked
    this.onProgress = () => {}; // something was acked, or may be sent
  }

  hello() {
    this.flush();
    return { acked: this.acked, next: this.next, ended: this.ending };
  }

  // credit: the Hub wants more.
  credit() {
    return this.next + this.text.length + this.smallLength < this.limit;
  }

  // onCredit calls back once, when there is credit again.
  onCredit(go) {
    this.waiting.push(go);
  }

  // write takes a string or bytes and tells whether the Hub wants more.
  write(piece) {
    if (piece.length > 0) this.oneKind(piece); // its mark is for what came before this piece
    if (piece.length > 0 && this.progress !== null) piece = this.progress.emit(piece);
    if (piece.length > 0) {
      if (typeof piece === 'string') this.writeText(piece);
      else this.writeBytes(piece);
    }
    return this.credit();
  }

  // oneKind gathers text before bytes are added, and the other way round.
  oneKind(piece) {
    if (typeof piece === 'string' ? this.smallLength > 0 : this.text !== '') this.gather();
  }

  writeText(text) {
    this.text += text;
    if (this.text.length >= FLUSH_AT) this.flush();
    else this.flushSoon();
  }

  writeBytes(bytes) {
    if (bytes.length >= GATHER_BELOW && this.smallLength === 0) {
      this.keep(bytes);
      this.pump();
      return;
    }
    this.small.push(bytes);
    this.smallLength += bytes.length;
    if (this.smallLength >= FLUSH_AT) this.flush();
    else this.flushSoon();
  }

  // flushSoon sends when the program has done what it can do now, so that many
  // small pieces go as one.
  flushSoon() {
    if (this.flushing) return;
    this.flushing = true;
    process.nextTick(() => {
      this.flushing = false;
      this.flush();
    });
  }

  flush() {
    this.gather();
    this.pump();
  }

  gather() {
    if (this.text !== '') {
      const bytes = Buffer.from(this.text);
      this.text = '';
      this.keep(bytes);
    } else if (this.smallLength > 0) {
      const bytes = this.small.length === 1 ? this.small[0] : Buffer.concat(this.small, this.smallLength);
      this.small = [];
      this.smallLength = 0;
      this.keep(bytes);
    }
  }

  // keep takes over all that was emitted and not kept before.
  keep(bytes) {
    const offset = this.next;
    this.next += bytes.length;
    this.kept.push({ offset, bytes, mark: this.progress === null ? null : this.newMark() });
  }

  newMark() {
    const { done, n, exact } = this.progress.at();
    return { offset: this.next, done, n, exact };
  }

  // mark tells the Hub how far the program is, unless it knows.
  mark() {
    this.flush();
    const mark = this.newMark();
    const last = this.kept.length > this.head ? this.kept[this.kept.length - 1] : null;
    const before = last === null ? this.marked : last.mark;
    if (before !== null && before.done === mark.done && before.n === mark.n && before.exact === mark.exact) return;
    if (last === null) this.marked = mark;
    else last.mark = mark;
    if (this.channel.open && this.sent === this.next) this.channel.sendMarks([mark]);
  }

  // pump sends what is kept, as far as the limit goes.
  pump() {
    const { channel } = this;
    if (!channel.open) return;
    while (this.sent < this.next && this.sent < this.limit) {
      const { offset, bytes, mark } = this.kept[this.unsent];
      const from = this.sent - offset;
      const n = Math.min(bytes.length - from, this.limit - this.sent, FRAME);
      const piece = n === bytes.length ? bytes : bytes.subarray(from, from + n);
      channel.sendData(this.sent, piece, mark === null ? null : this.markAt(this.sent + n, mark));
      this.sent += n;
      if (from + n === bytes.length) this.unsent++;
    }
    if (this.ending && !this.endSent && this.sent === this.next) {
      this.endSent = true;
      channel.sendEnd(this.next);
    }
  }

  // markAt is the mark for an offset in the piece that `mark` stands at the end
  // of; null where none is known.
  markAt(offset, mark) {
    const after = mark.offset - offset;
    if (after === 0) return mark;
    if (this.lines || !mark.exact || mark.n < after) return null;
    return { ...mark, offset, n: mark.n - after };
  }

  // window is the Hub's answer: what it has and how far we may go.
  window(acked, limit) {
    if (acked > this.sent) throw new ProtocolError('an ack of output never sent');
    this.forget(acked);
    if (limit > this.limit) this.limit = limit;
    if (this.endSent && acked === this.next) this.endAcked = true;
    this.pump();
    this.onProgress();
    if (this.waiting.length > 0 && this.credit()) {
      const { waiting } = this;
      this.waiting = [];
      for (const go of waiting) go();
    }
  }

  forget(acked) {
    if (acked <= this.acked) return;
    this.acked = acked;
    while (this.head < this.unsent) {
      const { offset, bytes, mark } = this.kept[this.head];
      if (offset + bytes.length > acked) break;
      this.marked = mark;
      this.kept[this.head++] = null;
    }
    if (this.head > 64 && this.head * 2 > this.kept.length) {
      this.kept = this.kept.slice(this.head);
      this.unsent -= this.head;
      this.head = 0;
    }
  }

  // resume goes on with a Hub that has everything before `received`.
  resume(received, limit) {
    if (received < this.acked || received > this.next) throw new ProtocolError('the Hub goes on at output we don\'t have');
    this.sent = received;
    this.unsent = this.head;
    while (this.unsent < this.kept.length && this.kept[this.unsent].offset + this.kept[this.unsent].bytes.length <= received) {
      this.unsent++;
    }
    this.limit = limit;
    this.endSent = false;
    this.repeatMarks();
    this.window(this.acked, limit);
  }

  // repeatMarks sends the marks of output that the Hub has and of which they
  // may have been lost; those of other output come with it.
  repeatMarks() {
    if (this.progress === null) return;
    const marks = this.kept.slice(this.head, this.unsent).map(({ mark }) => mark);
    if (this.marked !== null) marks.unshift(this.marked);
    if (marks.length > 0) this.channel.sendMarks(marks);
  }

  // end tells that nothing more will come.
  end() {
    if (this.ending) return;
    this.ending = true;
    this.flush();
  }

  // allSent: the Hub was sent whatever it takes now.
  allSent() {
    return this.text === '' && this.smallLength === 0 && (this.sent === this.next || this.sent >= this.limit);
  }
}

module.exports = { Output };
