// Uses a method that only the scramjet library has, so that it is loaded.
module.exports = function (input) {
  return input.batch(1);
};
