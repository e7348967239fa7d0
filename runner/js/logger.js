'use strict';
// The log: one JSON object a line on fd 3, written before the call returns, so
// that nothing is lost however the program ends.

const fs = require('fs');

const LOG_FD = 3;
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

let broken = null; // whether fd 3 can't be written to; null: not looked yet

function usable() {
  if (broken === null) {
    try {
      // Without a log pipe the number may belong to something of Node's own.
      const stat = fs.fstatSync(LOG_FD);
      broken = !(stat.isFIFO() || stat.isFile() || stat.isSocket());
    } catch {
      broken = true;
    }
  }
  return !broken;
}

// writeWhole writes all of bytes, waiting when the pipe is full.
function writeWhole(fd, bytes) {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += fs.writeSync(fd, bytes, at);
    } catch (err) {
      if (err.code !== 'EAGAIN') throw err;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

// plain makes what JSON drops or refuses visible.
function plain(key, value) {
  if (value instanceof Error) {
    return { name: value.name, message: value.message, code: value.code, stack: value.stack, ...value };
  }
  if (typeof value === 'bigint') return value.toString();
  return value;
}

function encode(entry) {
  try {
    return JSON.stringify(entry, plain);
  } catch {
    const { inspect } = require('util'); // circular
    return JSON.stringify({ ...entry, data: entry.data && entry.data.map((item) => inspect(item)), msg: String(entry.msg) });
  }
}

// Logger writes entries of one origin: 'Sequence' is the program itself.
class Logger {
  constructor(from) {
    this.from = from;
  }

  write(level, message, ...data) {
    if (!usable()) return;
    const entry = { level: String(level).toUpperCase(), msg: '', ts: Date.now(), from: this.from };
    if (message instanceof Error) {
      entry.msg = message.message;
      data = [message, ...data];
    } else if (typeof message === 'object' && message !== null) {
      Object.assign(entry, message, { level: entry.level, ts: entry.ts, from: entry.from });
    } else {
      entry.msg = String(message);
    }
    if (data.length > 0) entry.data = data;
    try {
      writeWhole(LOG_FD, Buffer.from(encode(entry) + '\n'));
    } catch {
      broken = true; // nobody reads the log any more
    }
  }
}

for (const level of LEVELS) {
  Logger.prototype[level.toLowerCase()] = function log(message, ...data) {
    this.write(level, message, ...data);
  };
}

module.exports = { Logger };
