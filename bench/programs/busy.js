// Says that it runs and then never lets go of the processor.
const { PassThrough } = require("node:stream");

module.exports = function () {
  const output = new PassThrough();
  output.write("x\n");
  setTimeout(() => {
    for (;;);
  }, 20);
  return output;
};
