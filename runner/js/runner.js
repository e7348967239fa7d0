'use strict';
// The runner: waits for a program, loads and runs it, and carries what Hub and
// program have to say to each other.

const { Channel } = require('./channel');
const { Messages } = require('./messages');
const { Input } = require('./input');
const { Output } = require('./output');
const { Logger } = require('./logger');
const { Exit, Code } = require('./exit');

class Runner {
  constructor(path, key) {
    this.log = new Logger('Runner');
    this.channel = new Channel(path, {
      version: 1, key, language: 'node', languageVersion: process.versions.node, pid: process.pid,
    });
    this.messages = new Messages(this.channel, (message) => this.handle(message));
    this.input = new Input(this.channel, this.log);
    this.output = new Output(this.channel);
    this.channel.attach(this.input, this.output, this.messages);
    this.exit = new Exit(this.channel, this.messages, this.output, this.input, this.log);
    this.context = null;
    this.progress = null; // where the Hub wants marks
    this.stream = null; // the input as the program sees it
    this.early = []; // messages for a program that is not loaded yet
    this.saves = new Map(); // id → {resolve, reject}
    this.lastSave = 0;
    this.keepUntil = 0; // ms, by the monotonic clock
    this.keepTimer = null;
    this.stopping = false;
    this.monitor = { rate: 1, timer: null, busy: false };
    this.channel.onLost = () => process.exit(Code.RUNNER); // nobody gave it a program
  }

  run() {
    process.on('uncaughtException', (err) => {
      // A program that handles these itself goes on.
      if (process.listenerCount('uncaughtException') === 1) this.exit.fail('run', Code.UNCAUGHT, err);
    });
    if (process.pid === 1) {
      process.on('SIGTERM', () => { // the kernel drops it for a pid 1 without a handler
        if (process.listenerCount('SIGTERM') === 1) process.exit(143);
      });
    }
    // process.exit comes before the turn in which what was gathered is sent.
    process.on('exit', () => this.progress === null ? this.output.flush() : this.output.mark());
    this.channel.connect();
  }

  handle(message) {
    switch (message.type) {
      case 'start': this.start(message); break;
      case 'input': this.input.setType(message.contentType); break;
      case 'saved': this.saved(message); break;
      case 'monitoring': this.setRate(message.rate); break;
      case 'kill': this.kill(); break;
      case 'stop': case 'event':
        if (this.early !== null) this.early.push(message);
        else this.dispatch(message);
        break;
      default: // of a newer Hub
    }
  }

  dispatch(message) {
    if (message.type === 'stop') this.stop(message);
    else this.event(message);
  }

  start(start) {
    if (this.channel.instance !== '') return;
    this.channel.instance = start.instance;
    if (start.marks) this.track(start);
    const { AppContext } = require('./context');
    this.context = new AppContext(start, new Logger('Sequence'), this);
    this.runProgram(start).catch((err) => this.exit.fail('run', Code.RUNNER, err));
  }

  // track makes the runner tell how far the program is in its input.
  track(start) {
    const { Progress } = require('./progress');
    this.progress = new Progress(start, this.input, this.output, this.log);
    this.input.progress = this.progress;
    this.output.progress = this.progress;
  }

  async runProgram(start) {
    require('./prepare').prepare(start);
    const chain = await this.loadProgram(start);
    if (chain === null) return;
    if (chain.requires !== undefined && this.progress === null) this.track(start); // the Hub cannot have known
    this.messages.send({ type: 'ready', requires: chain.requires, contentType: chain.contentType });
    if (chain.contentType) this.input.declare(chain.contentType);
    const { early } = this;
    this.early = null;
    this.setRate(this.monitor.rate);
    const running = this.callProgram(chain, start);
    for (const message of early) this.dispatch(message);
    await running;
  }

  async loadProgram(start) {
    const { EntrypointError, findEntry, load } = require('./load');
    try {
      const entry = findEntry(start.package, start.main);
      process.argv[1] = entry;
      return await load(entry);
    } catch (err) {
      if (err instanceof EntrypointError) this.exit.fail('entrypoint', Code.ENTRYPOINT, err);
      else this.exit.fail('load', Code.LOAD, err);
      return null;
    }
  }

  async callProgram(chain, start) {
    const { InputStream } = require('./input-stream');
    const { runChain } = require('./chain');
    const { produce } = require('./produce');
    this.stream = new InputStream(this.input);
    try {
      const onStream = () => this.progress !== null && this.progress.readsAhead();
      const value = await runChain(chain.functions, this.context, this.stream, start.args || [], onStream);
      if (value === undefined) await this.stream.whenUnread();
      await produce(value, this.output, (about) => this.messages.send({ type: 'output', ...about }), start.outputType);
      if (this.progress !== null) this.finish(value === undefined);
    } catch (err) {
      this.exit.fail('run', Code.PROGRAM, err);
      return;
    }
    this.exit.complete(Number(this.context.exitTimeout) || 0);
  }

  // finish: no more output will come. Without any, the program's work is done
  // when it has nothing left to do.
  finish(silent) {
    if (silent) process.once('beforeExit', () => process.exitCode || this.progress.complete());
    else this.progress.complete();
  }

  kill() {
    if (this.context !== null) this.context.killHandler();
    this.exit.kill();
  }

  // stop runs the handlers, then waits as long as the program asked for more
  // time.
  async stop({ timeout, canCallKeepalive }) {
    if (this.stopping) return;
    this.stopping = true;
    const unaware = !this.context.hasStopHandler() && this.stream.untouched();
    let failure;
    try {
      await this.context.stopHandler(timeout, Boolean(canCallKeepalive));
    } catch (err) {
      failure = err;
    }
    this.afterKeepAlive(() => this.exit.stop(failure, unaware));
  }

  afterKeepAlive(done) {
    const left = this.keepUntil - performance.now();
    if (left <= 0) done();
    else this.keepTimer = setTimeout(() => this.afterKeepAlive(done), left);
  }

  keepAlive(ms) {
    const more = Number(ms) || 0;
    this.keepUntil = Math.max(this.keepUntil, performance.now() + more);
    this.messages.send({ type: 'keepAlive', ms: more });
  }

  end(error) {
    clearTimeout(this.keepTimer);
    this.exit.end(error, Number(this.context.exitTimeout) || 0);
  }

  emit(name, message) {
    if (this.messages.full()) {
      this.log.error(`event ${name} dropped: the Hub has not answered for too long`);
      return;
    }
    this.messages.send({ type: 'event', name, message });
  }

  // event runs the program's handlers; what they throw is the program's error,
  // not the channel's.
  event({ name, message }) {
    const { emitter } = this.context;
    if (emitter.listenerCount(name) === 0) return;
    process.nextTick(() => emitter.emit(name, message));
  }

  save(state) {
    if (this.messages.full()) return Promise.reject(new Error('save: the Hub has not answered for too long'));
    const id = ++this.lastSave;
    return new Promise((resolve, reject) => {
      this.output.flush(); // the state may say that it was emitted
      const at = this.progress === null ? {} : this.progress.saved();
      this.messages.send({ type: 'save', id, state, ...at, output: this.output.next });
      this.saves.set(id, { resolve, reject });
    });
  }

  saved({ id, error }) {
    const save = this.saves.get(id);
    if (save === undefined) return;
    this.saves.delete(id);
    if (error) save.reject(new Error(`save: ${error}`));
    else save.resolve();
  }

  // setRate starts health messages, `rate` a second, once the program is loaded.
  setRate(rate) {
    const { monitor } = this;
    monitor.rate = rate;
    clearInterval(monitor.timer);
    monitor.timer = null;
    if (this.early !== null || !(rate > 0)) return;
    monitor.timer = setInterval(() => this.health(), 1000 / rate);
    monitor.timer.unref();
    this.health();
  }

  // health skips a turn while the one before is still asked for or unacked.
  async health() {
    if (this.monitor.busy) return;
    this.monitor.busy = true;
    const answer = await this.context.monitor();
    this.messages.send({ type: 'health', healthy: answer.healthy });
    this.messages.whenAcked(() => {
      this.monitor.busy = false;
    });
  }
}

module.exports = { Runner };
