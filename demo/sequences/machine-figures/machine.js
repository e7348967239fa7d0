// What a machine says of itself. Counters of the operating system only grow;
// Machine turns two readings of them into a share or a rate.

import fs from 'node:fs/promises';
import os from 'node:os';
import { cpuTimes, diskBytes, memoryBytes, networkBytes } from './proc.js';

export class Machine {
  // open takes the first reading, the one that the first rates start from.
  static async open(sources = sourcesOf(process.platform)) {
    const machine = new Machine(sources);
    machine.last = await machine.counters();
    return machine;
  }

  constructor(sources) {
    this.sources = sources;
    this.source = sources.name;
    this.host = os.hostname();
  }

  async counters() {
    const [cpu, disk, network] = await Promise.all([this.sources.cpu(), this.sources.disk(), this.sources.network()]);
    return { at: Date.now(), cpu, disk, network };
  }

  // read is the record of this moment: shares from 0 to 1, bytes, bytes per
  // second; null for what this operating system does not tell.
  async read() {
    const [now, memory, space] = await Promise.all([this.counters(), this.sources.memory(), diskSpace('/')]);
    const before = this.last;
    this.last = now;
    const seconds = Math.max(now.at - before.at, 1) / 1000;
    return {
      at: now.at,
      host: this.host,
      cpu: { busy: busyShare(before.cpu, now.cpu), cores: os.cpus().length, load: round(os.loadavg()[0], 2) },
      memory: { ...memory, share: round(memory.used / memory.total, 4) },
      disk: { ...space, ...rates(before.disk, now.disk, seconds) },
      network: rates(before.network, now.network, seconds),
    };
  }
}

// sourcesOf says where figures come from: the kernel's files on Linux,
// node:os elsewhere.
function sourcesOf(platform) {
  if (platform === 'linux') {
    const text = (name) => fs.readFile(name, 'utf8');
    return {
      name: '/proc',
      cpu: async () => cpuTimes(await text('/proc/stat')),
      memory: async () => memoryBytes(await text('/proc/meminfo')),
      disk: async () => diskBytes(await text('/proc/diskstats'), await wholeDisks()),
      network: async () => networkBytes(await text('/proc/net/dev')),
    };
  }
  return {
    name: 'node:os',
    cpu: async () => osTimes(os.cpus()),
    memory: async () => ({ used: os.totalmem() - os.freemem(), total: os.totalmem() }),
    disk: async () => null,
    network: async () => null,
  };
}

// wholeDisks names the devices that are no partitions. Where /sys is hidden,
// as in some containers, there are none to count.
async function wholeDisks() {
  try {
    return await fs.readdir('/sys/block');
  } catch {
    return [];
  }
}

// diskSpace of the file system that holds path. Node 18.14 and older can't tell.
async function diskSpace(path) {
  if (fs.statfs === undefined) return { used: null, total: null, share: null };
  const { bsize, blocks, bfree, bavail } = await fs.statfs(path);
  const used = (blocks - bfree) * bsize;
  return { used, total: blocks * bsize, share: round(used / (used + bavail * bsize), 4) };
}

// osTimes is what node:os says of all cores, in the form of cpuTimes.
export function osTimes(cores) {
  const sum = { busy: 0, total: 0 };
  for (const { times } of cores) {
    const total = times.user + times.nice + times.sys + times.irq + times.idle;
    sum.total += total;
    sum.busy += total - times.idle;
  }
  return sum;
}

// busyShare is the share of the time between two readings that was worked in.
export function busyShare(before, now) {
  const total = now.total - before.total;
  if (total <= 0) return 0; // two readings within one tick of the kernel's clock
  return round(Math.min(Math.max((now.busy - before.busy) / total, 0), 1), 4);
}

// rates are bytes per second. A counter that went back (a device was taken
// away, a counter wrapped) counts as no change.
export function rates(before, now, seconds) {
  const out = {};
  for (const name of Object.keys(now ?? {})) {
    out[name] = Math.round(Math.max(now[name] - (before?.[name] ?? now[name]), 0) / seconds);
  }
  return out;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
