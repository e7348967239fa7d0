// Gives back the objects of its input one by one.
module.exports = async function* (input) {
  for await (const object of input) yield object;
};
