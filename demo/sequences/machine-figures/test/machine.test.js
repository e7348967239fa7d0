import assert from 'node:assert/strict';
import test from 'node:test';
import { Machine, busyShare, osTimes, rates } from '../machine.js';
import machineFigures from '../index.js';

// context stands in for what the Hub gives a program as `this`.
function context(state) {
  const handlers = [];
  return {
    load: () => state,
    save: async (value) => { state = value; },
    logger: { info() {} },
    addStopHandler: (handler) => handlers.push(handler),
    stop: () => handlers.forEach((handler) => handler()),
  };
}

test('this machine has figures that can be true', async () => {
  const machine = await Machine.open();
  const { at, cpu, memory, disk, network } = await machine.read();
  assert.ok(Math.abs(Date.now() - at) < 10_000);
  assert.ok(cpu.busy >= 0 && cpu.busy <= 1);
  assert.ok(cpu.cores >= 1);
  assert.ok(memory.used > 0 && memory.used < memory.total);
  assert.ok(disk.total === null || (disk.share >= 0 && disk.share <= 1));
  for (const rate of Object.values(network)) assert.ok(rate >= 0);
});

test('shares and rates come from the difference of two readings', () => {
  assert.equal(busyShare({ busy: 100, total: 1000 }, { busy: 125, total: 1100 }), 0.25);
  assert.equal(busyShare({ busy: 100, total: 1000 }, { busy: 100, total: 1000 }), 0);
  assert.deepEqual(rates({ in: 1000, out: 0 }, { in: 3000, out: 1 }, 0.5), { in: 4000, out: 2 });
  assert.deepEqual(rates({ in: 1000 }, { in: 10 }, 1), { in: 0 });
  assert.deepEqual(rates(null, null, 1), {});
});

test('node:os times add up over the cores', () => {
  const times = { user: 10, nice: 1, sys: 5, irq: 4, idle: 80 };
  assert.deepEqual(osTimes([{ times }, { times }]), { busy: 40, total: 200 });
});

test('the program yields until it is stopped', async () => {
  const hub = context();
  const seen = [];
  for await (const record of machineFigures.call(hub, undefined, 10)) {
    seen.push(record);
    if (seen.length === 3) hub.stop();
  }
  assert.equal(seen.length, 3);
  assert.ok(seen[0].at <= seen[1].at && seen[1].at <= seen[2].at);
});

test('readings are numbered from 1 in every run', async () => {
  const hub = context({ run: 6 });
  const numbers = [];
  for (let run = 0; run < 2; run += 1) {
    for await (const { run, n } of machineFigures.call(hub, undefined, 10)) {
      numbers.push([run, n]);
      if (n === 2) break;
    }
  }
  assert.deepEqual(numbers, [[7, 1], [7, 2], [8, 1], [8, 2]]);
});

test('an interval that makes no sense is refused', async () => {
  await assert.rejects(() => machineFigures.call(context(), undefined, 'often').next(), RangeError);
});
