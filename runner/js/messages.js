'use strict';
// Control messages of both directions: numbered, kept until acked, handled
// in order and once.

const { MAX_PAYLOAD, ProtocolError, Type, Stream, frame } = require('./frames');

const KEPT_MAX = 16 * 1024 * 1024; // bytes of droppable messages while the Hub is away

class Messages {
  constructor(channel, handle) {
    this.channel = channel;
    this.handle = handle;
    this.received = 0;
    this.next = 1;
    this.kept = []; // {number, bytes}
    this.keptBytes = 0;
    this.waiting = [];
    this.onProgress = () => {};
  }

  hello() {
    return { received: this.received, next: this.kept.length > 0 ? this.kept[0].number : this.next };
  }

  // send queues a message and returns its number. It throws when the message
  // is larger than a frame can be: sent all the same it would end the
  // connection, again and again.
  send(message) {
    const payload = Buffer.from(JSON.stringify(message));
    if (payload.length > MAX_PAYLOAD) {
      throw new RangeError(`${message.type}: ${payload.length} bytes are more than the ${MAX_PAYLOAD} that can be sent`);
    }
    const number = this.next++;
    const bytes = frame(Type.MESSAGE, Stream.CONTROL, number, payload);
    this.kept.push({ number, bytes });
    this.keptBytes += bytes.length;
    this.channel.sendMessage(bytes);
    return number;
  }

  // full tells that the Hub has been away for so long that more events can't
  // be kept.
  full() {
    return this.keptBytes > KEPT_MAX;
  }

  idle() {
    return this.kept.length === 0;
  }

  // whenAcked calls done once everything sent so far is acked.
  whenAcked(done) {
    if (this.idle()) done();
    else this.waiting.push({ number: this.next - 1, done });
  }

  acked(number) {
    if (number >= this.next) throw new ProtocolError('an ack of a message never sent');
    while (this.kept.length > 0 && this.kept[0].number <= number) {
      this.keptBytes -= this.kept.shift().bytes.length;
    }
    while (this.waiting.length > 0 && this.waiting[0].number <= number) this.waiting.shift().done();
    this.onProgress();
  }

  resume(received) {
    this.acked(received);
    for (const { bytes } of this.kept) this.channel.sendMessage(bytes);
  }

  receive(number, payload) {
    if (number > this.received + 1) throw new ProtocolError('a gap in messages');
    if (number === this.received + 1) {
      const message = parse(payload);
      this.received = number;
      this.handle(message);
    }
    this.channel.ackMessages(this.received);
  }
}

function parse(payload) {
  try {
    return JSON.parse(payload);
  } catch {
    throw new ProtocolError('a message that is no JSON');
  }
}

module.exports = { Messages };
