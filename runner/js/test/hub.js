'use strict';
// A small Hub for tests: it starts the real runner and speaks the Hub's side
// of the channel over a real Unix socket. It has its own idea of the frames.

const { spawn } = require('node:child_process');
const { EventEmitter, once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const MAIN = path.join(__dirname, '..', 'main.js');
const DEADLINE = 30000; // ms; a test that waits longer has failed
const HELLO = 1, WELCOME = 2, DATA = 3, WINDOW = 4, END = 5, MESSAGE = 6, MARK = 7;

function header(type, stream, length, number) {
  const head = Buffer.alloc(16);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(stream, 2);
  head.writeUInt32BE(length, 4);
  head.writeBigUInt64BE(BigInt(number), 8);
  return head;
}

// frames cuts a byte stream into whole frames.
function frames(onFrame) {
  let parts = [], have = 0, need = 16;
  return (chunk) => {
    parts.push(chunk);
    have += chunk.length;
    while (have >= need) {
      const all = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      need = 16 + all.readUInt32BE(4);
      if (all.length < need) {
        parts = [all];
        return;
      }
      onFrame(all[0], all.readUInt16BE(2), Number(all.readBigUInt64BE(8)), all.subarray(16, need));
      parts = [all.subarray(need)];
      have = all.length - need;
      need = 16;
    }
  };
}

class Hub {
  static async start(t) {
    const hub = new Hub();
    hub.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wr-'));
    hub.path = path.join(hub.dir, 'channel');
    hub.instances = new Map();
    hub.sockets = new Set();
    await hub.listen();
    if (t) t.after(() => hub.close());
    return hub;
  }

  async listen() {
    this.server = net.createServer((socket) => {
      this.sockets.add(socket);
      let instance = null;
      const feed = frames((type, stream, number, payload) => {
        if (type === HELLO) {
          const hello = JSON.parse(payload);
          instance = this.instances.get(hello.key);
          if (!instance) socket.destroy();
          else instance.connected(socket, hello);
        } else if (instance.socket === socket) {
          instance.frame(type, stream, number, payload);
        }
      });
      socket.on('data', feed);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.server.listen(this.path);
    await once(this.server, 'listening');
  }

  // away: nobody answers at the channel's path, and connections are cut.
  async away() {
    for (const socket of this.sockets) socket.destroy();
    for (const instance of this.instances.values()) instance.socket = null;
    this.server.close();
    await once(this.server, 'close');
  }

  back() {
    return this.listen();
  }

  // package writes files to a folder of their own.
  package(files) {
    const dir = fs.mkdtempSync(path.join(this.dir, 'pkg-'));
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
      fs.writeFileSync(path.join(dir, name), text);
    }
    return dir;
  }

  // spawn starts a runner that waits for its program.
  spawn(options = {}) {
    const instance = new Instance(this, options);
    this.instances.set(instance.key, instance);
    instance.spawn();
    return instance;
  }

  // run starts a program: a string is the index.js of its package.
  run(program, start = {}, options = {}) {
    const files = typeof program === 'string' ? { 'index.js': program } : program;
    const instance = this.spawn(options);
    instance.start({ package: this.package(files), main: 'index.js', ...start });
    return instance;
  }

  async close() {
    for (const instance of this.instances.values()) {
      if (instance.exitCode === undefined) {
        instance.child.kill('SIGKILL');
        await instance.exited;
      }
    }
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

let keys = 0;

// Instance is one runner and what the Hub knows of its channel.
class Instance extends EventEmitter {
  constructor(hub, options) {
    super();
    this.setMaxListeners(0);
    this.hub = hub;
    this.key = `key-${process.pid}-${++keys}`;
    this.window = options.window || 1 << 20; // of output
    this.ack = options.ack !== false; // output is acked as it comes
    this.ackMessages = options.ackMessages !== false;
    this.env = options.env || {};
    this.args = options.nodeArgs || [];
    this.onOutput = options.onOutput || null; // instead of keeping it
    this.socket = null;
    this.hellos = [];
    this.input = { kept: [], next: 0, sent: 0, acked: 0, limit: 0, ended: false };
    this.out = { parts: [], received: 0, limit: this.window, ended: false };
    this.queue = []; // messages to the runner: {number, bytes}
    this.nextMessage = 1;
    this.received = 0; // number of the runner's last message
    this.messages = [];
    this.marks = []; // as they came: {offset, done, n, exact, connection}
    this.text = { stdout: '', stderr: '', log: '' };
    this.windows = 0; // input WINDOW frames seen
  }

  spawn() {
    const env = { PATH: process.env.PATH, WAVERIDER_CHANNEL: this.hub.path, WAVERIDER_KEY: this.key, ...this.env };
    this.child = spawn(process.execPath, [...this.args, MAIN], { cwd: this.hub.dir, env, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    const take = (name, stream) => stream.setEncoding('utf8').on('data', (text) => {
      this.text[name] += text;
      this.emit('text');
    });
    take('stdout', this.child.stdout);
    take('stderr', this.child.stderr);
    take('log', this.child.stdio[3]);
    this.child.stdin.on('error', () => {});
    this.exited = new Promise((done) => this.child.on('close', (code, signal) => {
      this.exitCode = signal || code;
      this.emit('exit');
      done(this.exitCode);
    }));
  }

  start(fields) {
    this.send('start', { instance: 'test-instance', slot: this.hub.dir, args: [], exitTimeout: 10000, ...fields });
  }

  send(type, fields = {}) {
    const number = this.nextMessage++;
    const payload = Buffer.from(JSON.stringify({ type, ...fields }));
    const bytes = Buffer.concat([header(MESSAGE, 0, payload.length, number), payload]);
    this.queue.push({ number, bytes });
    if (this.socket) this.socket.write(bytes);
  }

  // write sends input; what has no credit waits.
  write(data) {
    const bytes = Buffer.from(data);
    if (bytes.length === 0) return;
    this.input.kept.push({ offset: this.input.next, bytes });
    this.input.next += bytes.length;
    this.pump();
  }

  end(data) {
    if (data !== undefined) this.write(data);
    this.input.ended = true;
    this.pump();
  }

  pump() {
    const { input, socket } = this;
    if (!socket) return;
    for (const { offset, bytes } of input.kept) {
      while (input.sent < offset + bytes.length && input.sent < input.limit) {
        const from = input.sent - offset;
        const n = Math.min(bytes.length - from, input.limit - input.sent, 256 * 1024);
        socket.cork();
        socket.write(header(DATA, 1, n, input.sent));
        socket.write(bytes.subarray(from, from + n));
        socket.uncork();
        input.sent += n;
      }
    }
    if (input.ended && input.sent === input.next && !input.endSent) {
      input.endSent = true;
      socket.write(header(END, 1, 0, input.next));
    }
  }

  connected(socket, hello) {
    this.hellos.push(hello);
    this.socket = socket;
    this.input.sent = hello.input.received;
    this.input.acked = Math.max(this.input.acked, hello.input.received);
    this.input.limit = hello.input.limit;
    this.input.endSent = hello.input.ended;
    this.out.limit = this.out.received + this.window;
    const oldest = this.queue.length > 0 ? this.queue[0].number : this.nextMessage;
    const payload = Buffer.from(JSON.stringify({
      version: 1,
      input: { acked: this.input.acked },
      output: { received: this.out.received, limit: this.out.limit },
      messages: { received: this.received, next: oldest },
    }));
    socket.write(Buffer.concat([header(WELCOME, 0, payload.length, 0), payload]));
    this.dropMessages(hello.messages.received);
    for (const { bytes } of this.queue) socket.write(bytes);
    this.pump();
    this.emit('hello', hello);
  }

  dropMessages(number) {
    while (this.queue.length > 0 && this.queue[0].number <= number) this.queue.shift();
  }

  frame(type, stream, number, payload) {
    if (type === DATA) this.data(number, payload);
    else if (type === END) this.ended(number);
    else if (type === MESSAGE) this.message(number, JSON.parse(payload));
    else if (type === MARK && stream === 2) this.mark(number, payload);
    else if (type === WINDOW && stream === 0) this.dropMessages(number);
    else if (type === WINDOW && stream === 1) this.inputWindow(number, Number(payload.readBigUInt64BE(0)));
    else this.fault(`frame ${type} on stream ${stream}`);
    this.emit('frame');
  }

  fault(text) {
    this.broken = this.broken || new Error(`the runner broke the protocol: ${text}`);
    this.socket.destroy();
    this.emit('frame');
  }

  data(number, payload) {
    const { out } = this;
    if (number !== out.received) return this.fault(`output at ${number}, not ${out.received}`);
    if (number + payload.length > out.limit) return this.fault('output over its limit');
    if (out.ended) return this.fault('output after its end');
    out.received += payload.length;
    if (this.onOutput) this.onOutput(payload);
    else out.parts.push(payload);
    if (this.ack) this.sendWindow(out.received);
  }

  ended(number) {
    if (number !== this.out.received) return this.fault(`END at ${number}, not ${this.out.received}`);
    this.out.ended = true;
    if (this.ack) this.sendWindow(number);
  }

  mark(offset, payload) {
    const [done, n, flags] = [0, 8, 16].map((at) => Number(payload.readBigUInt64BE(at)));
    const mark = { offset, done, n, exact: flags === 1, connection: this.hellos.length };
    const last = this.marks[this.marks.length - 1];
    if (payload.length !== 24) return this.fault(`a MARK of ${payload.length} bytes`);
    if (offset > this.out.received) return this.fault('a mark before its output');
    if (last !== undefined && last.connection === mark.connection &&
      (offset < last.offset || done < last.done || (done === last.done && n < last.n))) {
      return this.fault(`a mark goes back from ${JSON.stringify(last)} to ${JSON.stringify(mark)}`);
    }
    this.marks.push(mark);
  }

  // marked resolves with the newest mark once so much input is done.
  async marked(done) {
    await this.until(() => this.marks.some((mark) => mark.done >= done), `a mark with ${done} done`);
    return this.marks[this.marks.length - 1];
  }

  // sendWindow acks output and gives credit of a window after it.
  sendWindow(acked) {
    this.out.limit = Math.max(this.out.limit, acked + this.window);
    const bytes = Buffer.concat([header(WINDOW, 2, 8, acked), Buffer.alloc(8)]);
    bytes.writeBigUInt64BE(BigInt(this.out.limit), 16);
    if (this.socket) this.socket.write(bytes);
  }

  message(number, message) {
    if (number > this.received + 1) return this.fault('a gap in messages');
    if (number === this.received + 1) {
      this.received = number;
      this.messages.push(message);
      this.emit('message', message);
      if (message.type === 'save' && this.onSave) this.onSave(message);
    }
    if (this.ackMessages) this.socket.write(header(WINDOW, 0, 0, number));
  }

  inputWindow(acked, limit) {
    const { input } = this;
    if (acked < input.acked || limit < input.limit) this.fault('an input window that goes back');
    if (acked > input.sent) this.fault('an ack of input never sent');
    this.windows++;
    input.acked = acked;
    input.limit = limit;
    while (input.kept.length > 0 && input.kept[0].offset + input.kept[0].bytes.length <= acked) input.kept.shift();
    this.pump();
  }

  drop() {
    const { socket } = this;
    this.socket = null;
    socket.destroy();
  }

  // until waits for a condition to hold, looking again after every event.
  async until(holds, what) {
    const deadline = Date.now() + DEADLINE;
    for (;;) {
      if (Date.now() >= deadline) throw new Error(`${what || holds}: not within ${DEADLINE} ms\n${this.text.stderr}\n${this.text.log.slice(-2000)}`);
      if (this.broken) throw this.broken;
      const value = holds();
      if (value) return value;
      if (this.exitCode !== undefined) {
        throw new Error(`${what || holds}: the runner has exited with ${this.exitCode}\n${this.text.stderr}\n${this.text.log}`);
      }
      await new Promise((again) => {
        const events = ['frame', 'text', 'exit', 'hello'];
        const timer = setTimeout(() => go(), deadline - Date.now());
        const go = () => {
          clearTimeout(timer);
          for (const name of events) this.off(name, go);
          again();
        };
        for (const name of events) this.on(name, go);
      });
    }
  }

  // got resolves with the first message of a type.
  got(type, n = 1) {
    return this.until(() => this.messages.filter((m) => m.type === type)[n - 1], `message ${type}`);
  }

  output() {
    return Buffer.concat(this.out.parts).toString();
  }

  // all resolves with the whole output, once it has ended.
  async all() {
    await this.until(() => this.out.ended, 'end of the output');
    return this.output();
  }

  // logged resolves with the first log entry that matches.
  logged(pattern) {
    const find = () => this.text.log.split('\n').filter((l) => pattern.test(l)).map((l) => JSON.parse(l))[0];
    return this.until(find, `log entry ${pattern}`);
  }
}

module.exports = { Hub };
