'use strict';
// The Node runner: started by a Hub, it runs one program. The protocol is
// described in docs/runner-protocol.md.

const { WAVERIDER_CHANNEL: channel, WAVERIDER_KEY: key } = process.env;
for (const name of Object.keys(process.env)) {
  if (name.startsWith('WAVERIDER_')) delete process.env[name]; // not for user code
}

if (!channel || !key) {
  process.stderr.write('waverider runner: WAVERIDER_CHANNEL and WAVERIDER_KEY must be set; a Hub starts this program\n');
  process.exit(20);
}

const { Runner } = require('./runner');
const runner = new Runner(channel, key);
runner.run();

// A runner that waits for its program loads meanwhile what every program needs.
setTimeout(() => require('./preload'), 30).unref();
