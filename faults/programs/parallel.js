// Gives every record back and works on several at a time.
const { Readable } = require("node:stream");

module.exports = function (input) {
  const work = async (record) => {
    await new Promise((done) => setTimeout(done, record.w % 4));
    return record;
  };
  return Readable.from(input).map(work, { concurrency: 8 });
};
