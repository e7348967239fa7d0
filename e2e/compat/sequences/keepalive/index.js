'use strict';
const { PassThrough } = require('stream');

module.exports = function keepalive(_input, ms = 1000) {
  this.addStopHandler(() => {
    this.keepAlive(ms);
    setInterval(() => this.emit('alive', Date.now()), 20);
    return new Promise(() => {});
  });
  return new PassThrough();
};
