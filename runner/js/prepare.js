'use strict';
// What a process must look like before user code runs in it.

const scramjet = require('./scramjet');

function prepare(start) {
  Object.assign(process.env, start.env);
  if (start.slot && process.cwd() !== start.slot) process.chdir(start.slot);
  process.title = `waverider: ${nameOf(start)}`;
  scramjet.install(start.scramjet);
}

function nameOf({ sequence, instance }) {
  if (!sequence) return instance;
  const { config } = sequence;
  return (config && config.name) || sequence.name || sequence.id || instance;
}

module.exports = { prepare };
