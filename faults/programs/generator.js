// Writes numbered records to its output, in small and in big pieces, until it
// is told to halt; then it says on stdout how many there were.
// Arguments: milliseconds between two pieces, 0 for none.
const { Readable } = require("node:stream");
const { records } = require("./records");

const pieces = [1, 3, 700, 1, 64, 8192, 2, 2000, 30];

module.exports = function (_input, pause = 0) {
  let next = 0;
  let turn = 0;
  let halted = false;
  this.on("halt", () => {
    halted = true;
  });
  this.exitTimeout = 600000; // its output is to be read at leisure
  return new Readable({
    highWaterMark: 65536,
    read() {
      const give = () => {
        if (halted) {
          process.stdout.write(next + "\n");
          this.push(null);
          return;
        }
        const count = pieces[turn++ % pieces.length];
        const piece = records(next, count);
        next += count;
        this.push(piece);
      };
      if (pause) setTimeout(give, pause);
      else setImmediate(give);
    },
  });
};
