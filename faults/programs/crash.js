// Runs for a moment and fails.
const { PassThrough } = require("node:stream");

module.exports = function () {
  setTimeout(() => {
    throw new Error("as always");
  }, 30);
  return new PassThrough();
};
