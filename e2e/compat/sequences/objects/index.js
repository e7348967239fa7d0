'use strict';

module.exports = async function* objects(input) {
  for await (const item of input) yield { ...item, seen: true };
};
