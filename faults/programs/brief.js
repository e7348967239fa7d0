// Writes so many numbered records to its output and is done.
const { Readable } = require("node:stream");
const { records } = require("./records");

module.exports = function (_input, count) {
  return Readable.from([records(0, count)], { objectMode: false });
};
