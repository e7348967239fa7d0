// Gives back what comes in, as it comes.
const { PassThrough } = require("node:stream");

module.exports = function (input) {
  return input.pipe(new PassThrough());
};
