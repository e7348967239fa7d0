// From "flood" to "halt" it writes numbered records to stdout and stderr as
// fast as they are taken. After each halt its output says how many there were.
const { PassThrough } = require("node:stream");
const { records } = require("./records");

const COUNT = 512; // records a write: 64 KiB

module.exports = function () {
  const output = new PassThrough();
  let next = 0;
  let flooding = false;
  const flood = () => {
    if (!flooding) {
      process.stdout.write("", () => process.stderr.write("", () => output.write(next + "\n")));
      return;
    }
    const piece = records(next, COUNT);
    next += COUNT;
    process.stdout.write(piece, () => process.stderr.write(piece, () => setImmediate(flood)));
  };
  this.on("flood", () => {
    if (flooding) return;
    flooding = true;
    flood();
  });
  this.on("halt", () => {
    flooding = false;
  });
  output.write("0\n");
  return output;
};
