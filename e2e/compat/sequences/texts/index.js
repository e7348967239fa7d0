'use strict';
const { PassThrough } = require('stream');

module.exports = function texts() {
  const out = new PassThrough();
  process.stdout.write('to stdout\n');
  process.stderr.write('to stderr\n');
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) this.logger[level](`at ${level}`, { level });
  process.stdin.on('data', (chunk) => process.stdout.write(chunk));
  process.stdin.on('end', () => out.end());
  this.exitTimeout = 100;
  return out;
};
