// Reading the text of Linux's /proc files (see proc(5)). Each function takes
// the text of one file, so that all of them can be tested anywhere.

const SECTOR = 512; // /proc/diskstats counts in these, whatever the device has

// cpuTimes of /proc/stat: ticks of the kernel's clock, summed over all cores.
export function cpuTimes(stat) {
  const [user, nice, system, idle, iowait, irq, softirq, steal] = fields(line(stat, 'cpu ')).map((n) => n || 0);
  const rest = idle + (iowait || 0);
  const busy = user + nice + system + (irq || 0) + (softirq || 0) + (steal || 0);
  return { busy, total: busy + rest };
}

// memoryBytes of /proc/meminfo. What the kernel could give back at once counts
// as free.
export function memoryBytes(meminfo) {
  const kilobytes = (name) => fields(line(meminfo, `${name}:`))[0];
  const total = kilobytes('MemTotal') * 1024;
  return { used: total - kilobytes('MemAvailable') * 1024, total };
}

// diskBytes of /proc/diskstats, summed over the disks named. Partitions and
// layers over other disks would count the same bytes again.
export function diskBytes(diskstats, disks) {
  const counted = new Set(disks.filter((name) => !/^(loop|ram|zram|dm-|md)/.test(name)));
  const sum = { read: 0, written: 0 };
  for (const text of diskstats.split('\n')) {
    const [, , name, , , sectorsRead, , , , sectorsWritten] = text.trim().split(/\s+/);
    if (!counted.has(name)) continue;
    sum.read += Number(sectorsRead) * SECTOR;
    sum.written += Number(sectorsWritten) * SECTOR;
  }
  return sum;
}

// networkBytes of /proc/net/dev, summed over all interfaces but the loopback.
export function networkBytes(dev) {
  const sum = { in: 0, out: 0 };
  for (const text of dev.split('\n').slice(2)) {
    const [name, counters] = text.split(':');
    if (counters === undefined || name.trim() === 'lo') continue;
    const [received, , , , , , , , sent] = fields(counters);
    sum.in += received;
    sum.out += sent;
  }
  return sum;
}

function line(text, start) {
  const found = text.split('\n').find((l) => l.startsWith(start));
  if (found === undefined) throw new Error(`no line "${start.trim()}" in:\n${text.slice(0, 200)}`);
  return found.slice(start.length);
}

function fields(text) {
  return text.trim().split(/\s+/).map(Number.parseFloat);
}
