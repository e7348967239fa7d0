'use strict';
// Throughput and latency of the runner behind the small Hub of the tests:
//   node runner/js/bench/bench.js [row…]
// The Hub here is JavaScript in this process, so figures are lower than with
// the real one; the bare loop of the same run is the measure for objects.

const { spawn } = require('node:child_process');
const { performance } = require('node:perf_hooks');
const { Hub } = require('../test/hub');

const RUNS = 5;
const MARK_RUNS = 9;
const LINES = 1_000_000;

function lineOf(i) {
  const head = JSON.stringify({ id: i, name: `sensor-${i % 97}`, value: (i % 1000) / 8, ok: i % 2 === 0, note: '' });
  return `${head.slice(0, -2)}${'x'.repeat(Math.max(0, 99 - head.length))}"}\n`;
}

let objects = null;
function objectLines() {
  if (objects === null) objects = Buffer.from(Array.from({ length: LINES }, (_, i) => lineOf(i)).join(''));
  return objects;
}

// through feeds data to a program and resolves with the seconds until all of
// its output has come.
async function through(hub, program, contentType, data, check, start = {}) {
  let got = 0;
  const instance = hub.run(program, start, { window: 4 << 20, onOutput: (bytes) => { got += bytes.length; } });
  await instance.got('ready');
  instance.send('input', { contentType });
  const begin = performance.now();
  instance.end(data);
  await instance.until(() => instance.out.ended);
  const seconds = (performance.now() - begin) / 1000;
  if (check && got !== data.length) throw new Error(`${got} bytes came of ${data.length}`);
  await instance.exited;
  return seconds;
}

const BARE = `
let rest = '';
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n');
  rest = lines.pop();
  let out = '';
  for (const line of lines) out += JSON.stringify(JSON.parse(line)) + '\\n';
  if (!process.stdout.write(out)) { process.stdin.pause(); process.stdout.once('drain', () => process.stdin.resume()); }
});`;

function bareLoop() {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['-e', BARE], { stdio: ['pipe', 'pipe', 'inherit'] });
    const begin = performance.now();
    child.stdout.resume().on('end', () => done((performance.now() - begin) / 1000));
    child.stdin.end(objectLines());
  });
}

async function best(work) {
  const times = [];
  for (let i = 0; i < RUNS; i++) times.push(await work());
  times.sort((a, b) => a - b);
  return { best: times[0], median: times[times.length >> 1] };
}

function show(name, { best: b, median: m }, amount, unit) {
  console.log(`${name.padEnd(44)} best ${Math.round(amount / b).toLocaleString()} ${unit}  median ${Math.round(amount / m).toLocaleString()} ${unit}`);
}

async function latency(hub) {
  const instance = hub.run("const { PassThrough } = require('stream'); module.exports = (input) => input.pipe(new PassThrough());", {}, { onOutput: () => arrived() });
  let arrived = () => {};
  await instance.got('ready');
  instance.send('input', { contentType: 'text/plain' });
  const line = 'x'.repeat(99) + '\n';
  const times = [];
  for (let i = 0; i < 10300; i++) {
    const begin = performance.now();
    await new Promise((go) => {
      arrived = go;
      instance.write(line);
    });
    if (i >= 300) times.push(performance.now() - begin);
  }
  instance.end();
  await instance.exited;
  times.sort((a, b) => a - b);
  console.log(`line latency p50 ${times[times.length >> 1].toFixed(3)} ms, p99 ${times[Math.floor(times.length * 0.99)].toFixed(3)} ms`);
}

// withMarks runs a program with and without marks in turn, so that both see
// the same machine, and shows the median of the ratios.
async function withMarks(hub, name, program) {
  const times = { with: [], without: [] };
  for (let i = 0; i < MARK_RUNS; i++) {
    for (const marks of i % 2 === 0 ? [false, true] : [true, false]) {
      times[marks ? 'with' : 'without'].push(await through(hub, program, 'application/x-ndjson', objectLines(), true, { marks }));
    }
  }
  const ratios = times.with.map((seconds, i) => times.without[i] / seconds).sort((a, b) => a - b);
  const best = (list) => Math.min(...list);
  show(`${name}, without marks`, { best: best(times.without), median: median(times.without) }, LINES, 'objects/s');
  show(`${name}, with marks`, { best: best(times.with), median: median(times.with) }, LINES, 'objects/s');
  console.log(`  throughput with marks: ${(100 * median(ratios)).toFixed(1)} % in pairs, ${(100 * best(times.without) / best(times.with)).toFixed(1)} % of the best`);
}

function median(list) {
  return list.slice().sort((a, b) => a - b)[list.length >> 1];
}

const PASS = "const { PassThrough } = require('stream'); module.exports = (input) => input.pipe(new PassThrough());";
const ROWS = {
  async bytes(hub) {
    const data = Buffer.alloc(256 << 20, 'waverider ');
    show('bytes, input.pipe(new PassThrough())', await best(() => through(hub, PASS, 'application/octet-stream', data, true)), 256 * 1.048576, 'MB/s');
  },
  async text(hub) {
    const data = Buffer.alloc(LINES * 100, `${'x'.repeat(99)}\n`);
    show('text, input.pipe(new PassThrough())', await best(() => through(hub, PASS, 'text/plain', data, true)), LINES, 'lines/s');
  },
  async bare() {
    show('bare parse-stringify loop over pipes', await best(bareLoop), LINES, 'objects/s');
  },
  async identity(hub) {
    show('objects, async (input) => input', await best(() => through(hub, 'module.exports = async (input) => input;', 'application/x-ndjson', objectLines(), true)), LINES, 'objects/s');
  },
  async generator(hub) {
    show('objects, async function* with for await', await best(() => through(hub, 'module.exports = async function* (input) { for await (const item of input) yield item; };', 'application/x-ndjson', objectLines(), true)), LINES, 'objects/s');
  },
  async pipe(hub) {
    show('objects, pipe to an object PassThrough', await best(() => through(hub, "const { PassThrough } = require('stream'); module.exports = (input) => input.pipe(new PassThrough({ objectMode: true }));", 'application/x-ndjson', objectLines(), true)), LINES, 'objects/s');
  },
  async marks(hub) {
    await withMarks(hub, 'objects, async (input) => input', 'module.exports = async (input) => input;');
    await withMarks(hub, 'objects, async function* with for await', 'module.exports = async function* (input) { for await (const item of input) yield item; };');
  },
  latency,
};

async function main() {
  const rows = process.argv.slice(2);
  for (const name of rows.length > 0 ? rows : Object.keys(ROWS)) {
    const hub = await Hub.start();
    await ROWS[name](hub);
    await hub.close();
  }
}

main();
