'use strict';
const { PassThrough } = require('stream');

module.exports = function killable() {
  this.addKillHandler(() => process.stdout.write('killed\n'));
  return new PassThrough();
};
