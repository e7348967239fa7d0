// Gives every record back, one at a time.
module.exports = async function* (input) {
  for await (const record of input) yield record;
};
