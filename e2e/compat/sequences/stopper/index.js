'use strict';
const { PassThrough } = require('stream');
const { setTimeout: wait } = require('timers/promises');

module.exports = function stopper(_input, ms = 0) {
  const out = new PassThrough();
  this.exitTimeout = 0;
  this.addStopHandler(async (timeout, canCallKeepalive) => {
    process.stdout.write(`${JSON.stringify({ timeout, canCallKeepalive })}\n`);
    await wait(ms);
    process.stdout.write('handled\n');
    out.end();
  });
  return out;
};
