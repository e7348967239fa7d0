'use strict';
// Loaded by a runner that waits: everything between `start` and the program.

for (const name of ['prepare', 'context', 'load', 'input-stream', 'chain', 'produce', 'progress']) require(`./${name}`);
require('url');
require('util');
