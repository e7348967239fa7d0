'use strict';

module.exports = async function* mirror(input) {
  for await (const item of input) yield item;
};
