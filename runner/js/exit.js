'use strict';
// How a runner ends: after the last output is acked, after a stop, when the
// program failed, or at once.

const Code = { COMPLETED: 0, RUNNER: 11, ENVIRONMENT: 20, ENTRYPOINT: 21, LOAD: 22, PROGRAM: 23, UNCAUGHT: 101, KILLED: 137 };
const WORDS = 128 * 1024; // characters of an error that the Hub is told
const FAIL_WITHIN = 2000; // ms for the Hub to hear of a failure

class Exit {
  constructor(channel, messages, output, input, logger) {
    this.channel = channel;
    this.messages = messages;
    this.output = output;
    this.input = input;
    this.logger = logger;
    this.completed = false; // the output has ended
    this.stopped = false; // stop handlers have run, or the program called end
    this.failing = false;
    this.overdue = false; // exitTimeout has passed
    output.onProgress = () => this.check();
    messages.onProgress = () => this.check();
  }

  // complete is called when the output has ended. The process goes when
  // nothing of the program is left to do, at the latest after timeout.
  complete(timeout) {
    if (this.completed || this.failing) return;
    this.completed = true;
    this.output.end();
    this.messages.send({ type: 'completed', timeout });
    this.leaveAfter(timeout);
    this.check();
  }

  // end is a stop that the program wants itself. The process goes like after
  // complete.
  end(error, timeout) {
    this.stop(error);
    this.leaveAfter(timeout);
  }

  leaveAfter(timeout) {
    setTimeout(() => {
      this.overdue = true;
      this.check();
    }, timeout).unref();
  }

  // stop lets the process go as soon as the program has nothing left to do.
  // unaware tells that the program does not know of it.
  stop(error, unaware) {
    if (this.stopped || this.failing) return;
    this.stopped = true;
    if (error) process.exitCode = process.exitCode || Code.PROGRAM;
    this.messages.send({ type: 'stopped', error: error ? messageOf(error).slice(0, WORDS) : undefined, unaware: unaware || undefined });
    this.check();
  }

  // check lets the channel go when the Hub has all it must have.
  check() {
    if (this.failing || !(this.completed || this.stopped)) return;
    const free = this.messages.idle() && (this.stopped ? this.output.allSent() : this.output.endAcked);
    const reads = this.completed && !this.stopped && this.input.isRead() && !this.overdue;
    this.channel.reference(!free || reads);
    if (free && this.overdue) this.leave(process.exitCode || Code.COMPLETED);
  }

  // fail reports a failure of the program and exits with its code.
  fail(phase, exitCode, err) {
    if (this.failing) return;
    this.failing = true;
    const message = messageOf(err).slice(0, WORDS);
    const stack = err && err.stack ? String(err.stack).slice(0, WORDS) : undefined;
    tellUser(stack || message);
    this.logger.fatal(message, err);
    this.output.flush();
    this.channel.reference(true);
    this.messages.send({ type: 'failed', phase, exitCode, message, stack });
    const timer = setTimeout(() => process.exit(exitCode), FAIL_WITHIN);
    this.messages.whenAcked(() => this.leave(exitCode, () => clearTimeout(timer)));
  }

  // leave exits once the program's stdout and stderr are written.
  leave(code, before = () => {}) {
    flushed(process.stdout, () => flushed(process.stderr, () => {
      before();
      process.exit(code);
    }));
  }

  kill() {
    process.exit(Code.KILLED);
  }
}

function flushed(stream, done) {
  if (stream.destroyed || stream.writableLength === 0) done();
  else stream.write('', () => done());
}

// tellUser writes behind what the program wrote to stderr itself.
function tellUser(text) {
  try {
    process.stderr.write(text + '\n');
  } catch {
    // stderr is gone; the Hub hears of it by message
  }
}

function messageOf(err) {
  if (err instanceof Error || (err && typeof err.message === 'string')) return err.message;
  return String(err);
}

module.exports = { Exit, Code };
