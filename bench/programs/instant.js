// Writes as soon as it is called, and stays.
const { PassThrough } = require("node:stream");

module.exports = function () {
  const output = new PassThrough();
  output.write("x\n");
  return output;
};
