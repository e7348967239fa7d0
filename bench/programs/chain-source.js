// Makes as many numbered records as each line of its input asks for.
const note = "waves come in from the open sea waves come in from the ";

module.exports = async function* (input) {
  for await (const { from, count } of input) {
    const last = from + count - 1;
    for (let n = from; n <= last; n++) yield { n, last, note };
  }
};
