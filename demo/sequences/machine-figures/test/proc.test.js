import assert from 'node:assert/strict';
import test from 'node:test';
import { cpuTimes, diskBytes, memoryBytes, networkBytes } from '../proc.js';

test('CPU times tell work from waiting', () => {
  const stat = 'cpu  100 5 50 800 40 3 2 10 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n';
  assert.deepEqual(cpuTimes(stat), { busy: 170, total: 1010 });
});

test('an old kernel without steal time can be read', () => {
  assert.deepEqual(cpuTimes('cpu  10 0 10 80 0 0 0\n'), { busy: 20, total: 100 });
});

test('memory that can be given back counts as free', () => {
  const meminfo = 'MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\n';
  assert.deepEqual(memoryBytes(meminfo), { used: 400 * 1024, total: 1000 * 1024 });
});

test('every byte of a disk is counted once', () => {
  const diskstats = [
    '   8  0 sda 10 0 100 5 20 0 200 9 0 0 0',
    '   8  1 sda1 10 0 100 5 20 0 200 9 0 0 0',
    ' 253  0 dm-0 10 0 100 5 20 0 200 9 0 0 0',
    '   7  0 loop0 10 0 100 5 20 0 200 9 0 0 0',
    ' 259  0 nvme0n1 1 0 1 5 2 0 2 9 0 0 0',
    '',
  ].join('\n');
  assert.deepEqual(diskBytes(diskstats, ['sda', 'dm-0', 'loop0', 'nvme0n1']), { read: 101 * 512, written: 202 * 512 });
});

test('network traffic leaves the loopback out', () => {
  const dev = 'Inter-|   Receive |  Transmit\n face |bytes packets |bytes packets\n'
    + '    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n'
    + '  eth0:1000 9 0 0 0 0 0 0 500 7 0 0 0 0 0 0\n'
    + ' wlan0: 10 9 0 0 0 0 0 0 5 7 0 0 0 0 0 0\n';
  assert.deepEqual(networkBytes(dev), { in: 1010, out: 505 });
});

test('a file that is something else is an error that shows it', () => {
  assert.throws(() => memoryBytes('nothing of use'), /no line "MemTotal:" in:\nnothing of use/);
});
