'use strict';
const { PassThrough } = require('stream');

module.exports = function ticker() {
  let n = 0;
  this.logger.info('ticking');
  setInterval(() => this.emit('tick', { n: n++ }), 20);
  return new PassThrough();
};
