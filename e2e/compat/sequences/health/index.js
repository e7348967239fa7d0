'use strict';
const { PassThrough } = require('stream');

module.exports = function health() {
  let healthy = true;
  this.on('health', (value) => {
    healthy = value;
    this.emit('changed', value);
  });
  this.addMonitoringHandler(async () => ({ healthy }));
  return new PassThrough();
};
