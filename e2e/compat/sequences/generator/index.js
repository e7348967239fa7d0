'use strict';

module.exports = async function* generator(_input, last = 3) {
  for (let n = 1; n <= last; n++) yield { n };
};
