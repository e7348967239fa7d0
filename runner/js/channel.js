'use strict';
// The channel to the Hub: one Unix socket that may break at any time. The
// channel connects again and makes both sides go on where they were; what is
// kept for that is in Input, Output and Messages.

const fs = require('fs');
const net = require('net');
const { HEADER, MARK, Type, Stream, ProtocolError, FrameReader, frame, windowFrame, marksFrame, writeHeader, writeMark, readNumber } = require('./frames');

const READ_SIZE = 256 * 1024;
const COPY_BELOW = 16 * 1024; // copying is cheaper than a second piece to write
const ACK_WITHIN = 5; // ms
const RETRY_FAST = 20; // ms, for the first second
const RETRY_SLOW = 250; // ms

// Socket tells of a failed write before it closes: net's own drops what has
// come and was not read yet.
class Socket extends net.Socket {
  destroy(err) {
    if (err && err.syscall === 'write' && !this.destroyed) this.onWriteFailed();
    return super.destroy(err);
  }
}

class Channel {
  // identity is the constant part of HELLO; parts are told by `attach`.
  constructor(path, identity) {
    this.path = path;
    this.identity = identity;
    this.instance = ''; // assigned to, from `start` on
    this.contentType = '';
    this.socket = null;
    this.open = false; // WELCOME has come on this socket
    this.referenced = true; // keeps the event loop alive
    this.closed = false;
    this.retries = 0;
    this.retryTimer = null;
    this.ackTimer = null;
    // One buffer for all reads, copied from: with a fresh buffer for each read
    // Node goes on with the old one after a program's uncaught exception.
    this.readBuffer = Buffer.allocUnsafeSlow(READ_SIZE);
    this.onLost = () => {}; // the Hub went away from a runner nobody needs
  }

  attach(input, output, messages) {
    this.input = input;
    this.output = output;
    this.messages = messages;
  }

  connect() {
    const reader = new FrameReader(
      (type, stream, number, payload) => this.onFrame(socket, type, stream, number, payload),
      (offset, bytes) => this.input.receive(offset, Buffer.from(bytes)));
    const socket = new Socket({
      onread: {
        buffer: this.readBuffer,
        callback: (n, buf) => {
          this.guard(socket, () => reader.push(buf.subarray(0, n)));
          return true;
        },
      },
    });
    socket.onWriteFailed = () => this.readRest(socket, reader);
    socket.connect(this.path);
    this.socket = socket;
    if (!this.referenced) socket.unref();
    socket.on('connect', () => socket.write(this.hello()));
    socket.on('error', () => {}); // 'close' follows
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      reader.stopped = true;
      this.lost(socket);
    });
  }

  // readRest reads what the Hub sent before it went: the acks in there say
  // what must not be sent again.
  readRest(socket, reader) {
    const { fd } = socket._handle || {};
    if (!(fd >= 0)) return;
    try {
      while (!socket.destroyed) {
        const n = fs.readSync(fd, this.readBuffer);
        if (n === 0) return;
        this.guard(socket, () => reader.push(this.readBuffer.subarray(0, n)));
      }
    } catch (err) {
      if (err.syscall !== 'read') throw err; // there is no more
    }
  }

  // guard ends the connection when the other side breaks the protocol; other
  // errors are bugs of ours and go on up.
  guard(socket, work) {
    try {
      work();
    } catch (err) {
      if (!(err instanceof ProtocolError)) throw err;
      socket.destroy();
    }
  }

  hello() {
    return frame(Type.HELLO, Stream.CONTROL, 0, Buffer.from(JSON.stringify({
      ...this.identity,
      instance: this.instance,
      input: { ...this.input.hello(), contentType: this.contentType },
      output: this.output.hello(),
      messages: this.messages.hello(),
    })));
  }

  onFrame(socket, type, stream, number, payload) {
    if (socket !== this.socket) return;
    if (type === Type.WELCOME) {
      this.welcome(JSON.parse(payload));
      return;
    }
    if (!this.open) throw new ProtocolError('no WELCOME');
    if (type === Type.MESSAGE) this.messages.receive(number, payload);
    else if (type === Type.END) this.input.finish(number);
    else if (stream === Stream.CONTROL) this.messages.acked(number);
    else this.output.window(number, readNumber(payload, 0));
  }

  welcome(answer) {
    if (this.open) throw new ProtocolError('a second WELCOME');
    this.open = true;
    this.retries = 0;
    this.input.resume(answer.input.acked);
    this.messages.resume(answer.messages.received);
    this.output.resume(answer.output.received, answer.output.limit);
  }

  lost(socket) {
    if (socket !== this.socket || this.closed) return;
    this.open = false;
    this.socket = null;
    if (this.instance === '') {
      this.onLost();
      return;
    }
    const wait = this.retries === 0 ? 0 : this.retries * RETRY_FAST < 1000 ? RETRY_FAST : RETRY_SLOW;
    this.retries++;
    this.retryTimer = setTimeout(() => this.connect(), wait);
    if (!this.referenced) this.retryTimer.unref();
  }

  // reference tells whether the channel keeps the process alive.
  reference(on) {
    this.referenced = on;
    for (const handle of [this.socket, this.retryTimer]) {
      if (handle !== null) on ? handle.ref() : handle.unref();
    }
  }

  sendMessage(bytes) {
    if (this.open) this.socket.write(bytes);
  }

  ackMessages(number) {
    if (this.open) this.socket.write(windowFrame(Stream.CONTROL, number));
  }

  // inputMoved sends the input's window now, or soon: alone within 5 ms, or
  // along with output.
  inputMoved(now) {
    if (!this.open) return;
    if (now) {
      this.socket.write(this.inputWindow());
    } else if (this.ackTimer === null) {
      this.ackTimer = setTimeout(() => {
        this.ackTimer = null;
        if (this.open && this.input.moved()) this.socket.write(this.inputWindow());
      }, ACK_WITHIN);
      this.ackTimer.unref();
    }
  }

  inputWindow() {
    this.input.told();
    return windowFrame(Stream.INPUT, this.input.received, this.input.limit());
  }

  // sendData sends a piece of output and, when given, the mark at its end.
  sendData(offset, bytes, mark) {
    const { socket } = this;
    const copied = bytes.length < COPY_BELOW;
    const head = this.input.moved() ? this.inputWindow() : null;
    const before = head === null ? 0 : head.length;
    const size = before + HEADER + (copied ? bytes.length : 0);
    const start = Buffer.allocUnsafe(copied && mark !== null ? size + MARK : size);
    if (head !== null) head.copy(start, 0);
    writeHeader(before === 0 ? start : start.subarray(before), Type.DATA, Stream.OUTPUT, bytes.length, offset);
    if (copied) {
      start.set(bytes, before + HEADER);
      if (mark !== null) writeMark(start.subarray(size), mark);
      socket.write(start);
      return;
    }
    socket.cork();
    socket.write(start);
    socket.write(bytes);
    if (mark !== null) this.sendMarks([mark]);
    socket.uncork();
  }

  sendMarks(marks) {
    this.socket.write(marksFrame(marks));
  }

  sendEnd(length) {
    this.socket.write(frame(Type.END, Stream.OUTPUT, length, Buffer.alloc(0)));
  }

  // flushed calls done once what was written so far is with the kernel, or
  // there is nobody to write to.
  flushed(done) {
    if (!this.open || this.socket.writableLength === 0) done();
    else this.socket.write('', () => done());
  }

  close() {
    this.closed = true;
    this.open = false;
    clearTimeout(this.retryTimer);
    clearTimeout(this.ackTimer);
    if (this.socket !== null) this.socket.destroy();
  }
}

module.exports = { Channel };
