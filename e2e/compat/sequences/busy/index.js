'use strict';

module.exports = function busy() {
  process.stdout.write('busy\n');
  setTimeout(() => { for (;;); }, 100);
  return new Promise(() => {});
};
