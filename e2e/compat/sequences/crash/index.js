'use strict';
const { PassThrough } = require('stream');

module.exports = function crash(_input, how) {
  switch (how) {
    case 'throw':
      throw new Error('thrown on purpose');
    case 'reject':
      return Promise.reject(new Error('rejected on purpose'));
    case 'stream':
      return (async function* fail() {
        yield 'before';
        throw new Error('failed on purpose');
      })();
    case 'later':
      setTimeout(() => { throw new Error('uncaught on purpose'); }, 50);
      return new PassThrough();
    default:
      process.exit(Number(how));
  }
};
