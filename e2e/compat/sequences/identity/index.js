'use strict';
const { PassThrough } = require('stream');

module.exports = function identity(input) {
  return input.pipe(new PassThrough());
};
