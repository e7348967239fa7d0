// Makes one, two or three records of each.
module.exports = async function* (input) {
  for await (const record of input) {
    for (let k = 1; k <= 1 + (record.w % 3); k++) yield { ...record, k };
  }
};
