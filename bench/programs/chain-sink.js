// Says when the last record of a series is there, if none before is missing.
module.exports = async function* (input) {
  let due = 0;
  for await (const { n, last } of input) {
    if (due && n !== due) throw new Error(`record ${n} came where ${due} was due`);
    due = n === last ? 0 : n + 1;
    if (n === last) yield { done: n };
  }
};
