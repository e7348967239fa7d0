'use strict';
// What the Hub is told of a program's progress, and what is dropped because an
// earlier run has given it.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const zlib = require('node:zlib');
const { Hub } = require('./hub');

const LINES = 'application/x-ndjson', TEXT = 'text/plain', BYTES = 'application/octet-stream';
const SCRAMJET = path.join(__dirname, '..', 'vendor', 'scramjet.js');
const STREAM = "const { Readable, PassThrough } = require('stream');";

const PROGRAMS = {
  identity: 'module.exports = (input) => input;',
  generator: 'module.exports = async function* (input) { for await (const x of input) yield x; };',
  filter: 'module.exports = async function* (input) { for await (const x of input) if (x % 10 === 0) yield x; };',
  expander: `module.exports = async function* (input) {
    yield 'head';
    for await (const x of input) for (let i = 0; i < x % 4; i++) yield [x, i];
    yield 'tail';
  };`,
  sink: 'module.exports = async function (input) { for await (const x of input); };',
  looseSink: 'module.exports = function (input) { (async () => { for await (const x of input); })(); };',
  listener: "module.exports = function (input) { input.on('data', () => {}); };",
  pipe: `${STREAM} module.exports = (input) => input.pipe(new PassThrough({ objectMode: true }));`,
  map: 'module.exports = (input) => input.map(async (x) => x);',
  generatorOfMap: 'module.exports = async function* (input) { for await (const x of input.map(async (x) => x)) yield x; };',
  chain: 'module.exports = [async function* (input) { for await (const x of input) yield x; }, async function* (input) { for await (const x of input) yield x; }];',
  several: `module.exports = async function* (input) {
    const it = input[Symbol.asyncIterator]();
    for (;;) for (const r of await Promise.all([it.next(), it.next(), it.next()])) { if (r.done) return; yield r.value; }
  };`,
};

function numbers(from, to) {
  let text = '';
  for (let i = from; i <= to; i++) text += `${i}\n`;
  return text;
}

function bare({ offset, done, n, exact }) {
  return { offset, done, n, exact };
}

// givenOut checks that what is done had come out before the mark.
function givenOut(marks, outputOf) {
  for (const mark of marks) {
    assert.ok(mark.offset >= outputOf(mark.done).length, JSON.stringify(mark));
  }
}

// tracked starts a program whose input has a type already.
function tracked(hub, program, start = {}, options = {}, contentType = LINES) {
  const instance = hub.run(PROGRAMS[program] || program, { marks: true, ...start }, options);
  instance.send('input', { contentType });
  return instance;
}

test('one record at a time: what was handed out before the last question is done', async (t) => {
  const hub = await Hub.start(t);
  for (const [program, output, tail] of [
    ['identity', numbers(1, 200), numbers(201, 201)],
    ['generator', numbers(1, 200), numbers(201, 201)],
    ['filter', Array.from({ length: 20 }, (_, i) => `${10 * i + 10}\n`).join(''), ''],
    ['sink', '', ''],
    ['looseSink', '', ''],
  ]) {
    await t.test(program, async () => {
      const instance = tracked(hub, program);
      instance.write(numbers(1, 200));
      assert.deepStrictEqual(bare(await instance.marked(200)), { offset: output.length, done: 200, n: 0, exact: true });
      instance.end(numbers(201, 201));
      await instance.exited;
      assert.strictEqual(instance.output(), output + tail);
      assert.deepStrictEqual(bare(instance.marks.at(-1)), { offset: output.length + tail.length, done: 201, n: 0, exact: true });
    });
  }
});

test('n counts what came since, a head before the first record and a tail behind the last too', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'expander');
  const head = await instance.until(() => instance.marks[0]);
  assert.deepStrictEqual(bare(head), { offset: '"head"\n'.length, done: 0, n: 1, exact: true });
  instance.end(numbers(1, 3));
  await instance.exited;
  assert.deepStrictEqual(bare(instance.marks.at(-1)), { offset: instance.out.received, done: 3, n: 1, exact: true });
});

test('the record in work is not done', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, `
    module.exports = async function* (input) {
      for await (const x of input) { yield [x, 1]; yield [x, 2]; if (x === 3) await new Promise((go) => this.on('go', go)); }
    };`);
  instance.end(numbers(1, 5));
  await instance.until(() => instance.out.received >= 36);
  assert.deepStrictEqual(bare(instance.marks.at(-1)), { offset: 36, done: 2, n: 2, exact: true });
  instance.send('event', { name: 'go' });
  await instance.exited;
  assert.deepStrictEqual(bare(instance.marks.at(-1)), { offset: 60, done: 5, n: 0, exact: true });
});

test('a busy program without output is heard of all the same', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'module.exports = async function (input) { for await (const x of input) await new Promise((go) => setTimeout(go, 20)); };');
  instance.write(numbers(1, 60)); // all in one batch
  await instance.marked(2);
  assert.ok(instance.marks.every(({ done }) => done < 30), JSON.stringify(instance.marks));
});

test('a line that is no JSON is done in its order', async (t) => {
  const hub = await Hub.start(t);
  for (const program of ['identity', 'generator', 'sink']) {
    await t.test(program, async () => {
      const instance = tracked(hub, program);
      instance.write('1\nbad\n3\n');
      assert.strictEqual((await instance.marked(3)).n, 0);
      instance.write('bad\n');
      assert.strictEqual((await instance.marked(4)).n, 0);
      instance.write('bad\nbad\n7\nbad\n');
      assert.strictEqual((await instance.marked(8)).exact, true);
      instance.end('9\nbad\n');
      await instance.exited;
      assert.strictEqual(instance.marks.at(-1).done, 10);
    });
  }
});

test('several records at a time: as many as may be held are not done', async (t) => {
  const hub = await Hub.start(t);
  for (const program of ['pipe', 'map', 'generatorOfMap', 'chain', 'several', 'listener']) {
    await t.test(program, async () => {
      const instance = tracked(hub, program, { scramjet: SCRAMJET });
      instance.write(`bad\n${numbers(2, 1000)}`);
      await instance.marked(500);
      await instance.until(() => program === 'listener' || instance.out.received >= numbers(2, 1000).length);
      assert.ok(instance.marks.every(({ done, exact }) => done <= 1000 - 64 && (!exact || done === 0)), JSON.stringify(instance.marks.at(-1)));
      instance.end();
      await instance.exited;
      assert.strictEqual(instance.marks.at(-1).done, 1000);
      assert.strictEqual(instance.marks.at(-1).exact, false);
      if (program !== 'listener') givenOut(instance.marks, (done) => numbers(2, done));
    });
  }
});

test('what pipelines hold while nobody takes their output is not done', async (t) => {
  const hub = await Hub.start(t);
  for (const program of [
    'i.map(async (x) => x)', 'i.map(async (x) => x).filter(async () => true)', 'i.map(async (x) => x).tap().map(async (x) => x)',
    'i.map(async (x) => x).tap().map(async (x) => x).tap().map(async (x) => x)', 'i.batch(1).flatMap((x) => x)',
    'i.pipe(pass()).pipe(pass()).pipe(pass())', "require('stream').pipeline(i, pass(), pass(), () => {})",
  ]) {
    await t.test(program, async () => {
      const instance = tracked(hub, `${STREAM} const pass = () => new PassThrough({ objectMode: true }); module.exports = (i) => ${program};`,
        { scramjet: SCRAMJET }, { window: 512, ack: false });
      for (let i = 1; i <= 400; i++) instance.write(numbers(i, i));
      await instance.until(() => instance.out.received === 512);
      instance.send('event', { name: 'none' });
      await instance.until(() => instance.queue.length === 0);
      for (let at = 512; at < numbers(1, 400).length; at += 256) {
        instance.sendWindow(at);
        await instance.until(() => instance.out.received >= Math.min(at + 512, numbers(1, 400).length));
      }
      givenOut(instance.marks, (done) => numbers(1, done));
    });
  }
});

test("Node's own operators are not at the program's pace", async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'module.exports = async function* (input) { for await (const x of input.take(3)) yield x; };');
  instance.end(numbers(1, 5));
  assert.strictEqual(await instance.all(), numbers(1, 3));
  assert.ok(instance.marks.every(({ done, exact }) => done === 0 || !exact));
});

test('a program that works on several records which come a few at a time never goes back', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, `${STREAM} module.exports = (input) => Readable.from(input).map(
    async (x) => { await new Promise((done) => setTimeout(done, x % 4)); return x; }, { concurrency: 8 });`);
  for (let n = 1; n <= 200; n += 5) {
    instance.write(numbers(n, n + 4));
    await instance.until(() => instance.out.received > numbers(1, n - 1).length);
  }
  instance.end();
  await instance.exited;
  assert.strictEqual(instance.output(), numbers(1, 200));
});

test('readAhead says what a program may hold, however it reads', async (t) => {
  const hub = await Hub.start(t);
  for (const program of ['pipe', 'generator']) {
    const instance = tracked(hub, program, { readAhead: 7 });
    instance.write(numbers(1, 100));
    assert.deepStrictEqual(bare(await instance.marked(93)), { offset: 292, done: 93, n: 0, exact: false });
  }
});

test('a pipeline that says it holds more is believed', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'module.exports = (input) => input.setOptions({ maxParallel: 500 }).map(async (x) => x);', { scramjet: SCRAMJET });
  instance.write(numbers(1, 2000));
  await instance.marked(1);
  await instance.until(() => instance.out.received === numbers(1, 2000).length);
  assert.ok(instance.marks.at(-1).done <= 1500, `${instance.marks.at(-1).done}`);
});

test('what stands in the buffer of the input is not handed out', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, `
    module.exports = function (input) {
      input.on('readable', () => {});
      this.on('read', () => { for (let i = 0; i < 30; i++) input.read(); });
      this.on('save', () => this.save(1));
    };`, { readAhead: 10 });
  instance.write(numbers(1, 60));
  await instance.until(() => instance.input.acked > 0);
  instance.send('event', { name: 'read' });
  await instance.marked(20);
  instance.send('event', { name: 'save' });
  assert.strictEqual((await instance.got('save')).done, 30);
  assert.strictEqual(instance.marks.at(-1).done, 20);
});

test('text and bytes are counted in bytes', async (t) => {
  const hub = await Hub.start(t);
  const euro = Buffer.from('a€'); // 4 bytes
  for (const program of ['generator', 'sink']) {
    const instance = tracked(hub, program, {}, {}, TEXT);
    instance.write(euro.subarray(0, 3));
    assert.strictEqual((await instance.marked(1)).done, 1); // the rest of € has not come
    instance.write(euro.subarray(3));
    assert.strictEqual((await instance.marked(4)).exact, false); // pieces are cut elsewhere in another run
    instance.end('x');
    await instance.exited;
    assert.strictEqual(instance.marks.at(-1).done, 5);
  }
  for (const contentType of [TEXT, BYTES]) {
    const instance = tracked(hub, 'identity', {}, {}, contentType);
    instance.write(euro);
    assert.deepStrictEqual(bare(await instance.marked(4)), { offset: 4, done: 4, n: 0, exact: true });
  }
  const piped = tracked(hub, `${STREAM} module.exports = (input) => input.pipe(new PassThrough());`, { readAhead: 1 }, {}, BYTES);
  for (let i = 1; i <= 10; i++) {
    piped.write(Buffer.alloc(1000));
    await piped.until(() => piped.out.received === i * 1000);
  }
  assert.strictEqual((await piped.marked(7000)).done, 7952); // 2 KiB are held back, more than the last piece
  piped.end();
  await piped.exited;
  assert.strictEqual(piped.marks.at(-1).done, 10000);
});

test('a large piece of bytes has marks on its way', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'module.exports = async function* (input) { for await (const x of input) yield Buffer.alloc(x); };');
  instance.end('10\n2000000\n');
  await instance.exited;
  const inside = instance.marks.filter(({ done, n }) => done === 1 && n > 0 && n < 2000000);
  assert.ok(inside.length >= 6, JSON.stringify(instance.marks));
  for (const { offset, n } of inside) assert.strictEqual(offset, 10 + n);
});

test('a program that stops reading has finished what it took once its output ends', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'module.exports = async function* (input) { for await (const x of input) { yield x; if (x === 3) break; } yield "end"; };');
  instance.write(numbers(1, 10));
  await instance.exited;
  assert.strictEqual(instance.output(), '1\n2\n3\n"end"\n');
  assert.strictEqual(instance.marks.at(-1).done, 3);
});

test('without marks nothing is told', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'module.exports = async function* (input) { for await (const x of input) { await this.save(x); yield x; } };', { marks: undefined });
  instance.onSave = ({ id }) => instance.send('saved', { id });
  instance.end(numbers(1, 2));
  await instance.exited;
  assert.deepStrictEqual(instance.marks, []);
  assert.deepStrictEqual(await instance.messages.find(({ type }) => type === 'save'), { type: 'save', id: 1, state: 1, output: 0 });
});

test('save says what it covers: the record in work, and the output so far', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, `
    module.exports = async function* (input) {
      let sum = 0;
      for await (const x of input) {
        sum += x;
        if (x % 3 === 0) { yield sum; await this.save(sum); sum = 0; }
      }
    };`, { ack: 'save' });
  instance.onSave = ({ id }) => instance.send('saved', { id });
  instance.end(`bad\n${numbers(2, 7)}`);
  await instance.exited;
  const saves = instance.messages.filter(({ type }) => type === 'save').map(({ state, done, output }) => ({ state, done, output }));
  assert.deepStrictEqual(saves, [{ state: 5, done: 3, output: 2 }, { state: 15, done: 6, output: 5 }]);
  assert.strictEqual(instance.output(), '5\n15\n');
});

// replay runs a program over the same input and drops what was given up to a
// mark of another run; together they must be one whole output.
async function replay(hub, program, data, mark, whole, contentType) {
  const instance = tracked(hub, program, { skip: { done: mark.done, n: mark.n } }, {}, contentType);
  instance.end(data);
  await instance.exited;
  assert.strictEqual(instance.output(), Buffer.from(whole).subarray(mark.offset).toString(), JSON.stringify(mark));
  return instance;
}

test('output that was given is dropped, at any mark', async (t) => {
  const hub = await Hub.start(t);
  const bad = numbers(1, 30).replace('7\n', 'bad\n').replace('15\n', 'bad\nbad\n');
  for (const [program, data, contentType] of [
    ['identity', bad], ['generator', bad], ['filter', bad], ['expander', bad],
    ['identity', 'text of some length\n', TEXT],
    ['module.exports = async function* (input) { for await (const x of input) { yield "a€".repeat(x); yield Buffer.from("b€") } };', numbers(1, 4)],
  ]) {
    await t.test(`${program.slice(0, 20)} ${contentType || LINES}`, async () => {
      const first = tracked(hub, program, {}, {}, contentType);
      for (const byte of data) { // so that there are many marks
        first.write(byte);
        await first.until(() => first.input.acked === first.input.next);
      }
      first.end();
      await first.exited;
      const whole = first.output();
      const marks = new Map(first.marks.map((mark) => [`${mark.done} ${mark.n}`, mark]));
      assert.ok(marks.size > 4);
      const some = [...marks.values()].filter((_, i, all) => i % Math.ceil(all.length / 8) === 0 || i === all.length - 1);
      for (const mark of some) {
        const again = await replay(hub, program, data, mark, whole, contentType);
        const last = again.marks.at(-1);
        assert.deepStrictEqual([last.done, last.n], [first.marks.at(-1).done, first.marks.at(-1).n]);
      }
    });
  }
});

test('units between two marks can be named too', async (t) => {
  const hub = await Hub.start(t);
  const whole = '"head"\n[1,0]\n[2,0]\n[2,1]\n[3,0]\n[3,1]\n[3,2]\n"tail"\n';
  for (const [done, n, offset] of [[0, 0, 0], [0, 1, 7], [0, 2, 13], [1, 1, 19], [2, 2, 37], [3, 0, 43], [3, 1, 50], [9, 0, 50]]) {
    await replay(hub, 'expander', numbers(1, 3), { done, n, offset }, whole);
  }
  const bytes = 'module.exports = async function* (input) { for await (const x of input) yield Buffer.from(x); };';
  await replay(hub, bytes, '"abc"\n"defg"\n', { done: 1, n: 2, offset: 5 }, 'abcdefg');
});

test('where progress is not exact nothing is dropped, and the log says so', async (t) => {
  const hub = await Hub.start(t);
  for (const program of ['pipe', 'chain']) {
    const instance = tracked(hub, program, { skip: { done: 5, n: 0 } });
    instance.end(numbers(1, 10));
    await instance.exited;
    assert.strictEqual(instance.output(), numbers(1, 10));
    assert.match(instance.text.log, /"level":"WARN","msg":"this program does not take its input one by one/);
  }
});

test('a Hub that comes back is told again what it may have missed', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, 'generator', {}, { ack: false });
  for (let i = 1; i <= 5; i++) {
    instance.write(numbers(i, i));
    await instance.marked(i);
  }
  instance.sendWindow(4); // two records are safe
  instance.send('event', { name: 'none' });
  await instance.until(() => instance.queue.length === 0);
  await hub.away();
  const kept = instance.out.received;
  await hub.back();
  await instance.until(() => instance.hellos.length === 2 && instance.marks.at(-1).connection === 2 && instance.marks.at(-1).done === 5);
  assert.strictEqual(instance.hellos[1].output.acked, 4);
  const again = instance.marks.filter(({ connection }) => connection === 2);
  assert.deepStrictEqual(again.map(bare), [2, 3, 4, 5].map((done) => ({ offset: 2 * done, done, n: 0, exact: true })));
  assert.strictEqual(instance.out.received, kept); // the marks alone: the output was there

  await hub.away(); // the next Hub has only what was acked
  instance.out.received = 4;
  instance.out.parts = [Buffer.from('1\n2\n')];
  await hub.back();
  instance.ack = true;
  instance.end(numbers(6, 6));
  await instance.exited;
  assert.strictEqual(instance.output(), numbers(1, 6));
  const third = instance.marks.filter(({ connection }) => connection === 3);
  assert.deepStrictEqual(third.slice(0, 2).map(bare), [2, 3].map((done) => ({ offset: 2 * done, done, n: 0, exact: true })));
});

test('compressed output, which holds all it can, ends with all done', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, "module.exports = (input) => input.pipe(require('zlib').createGzip());", {}, {}, BYTES);
  instance.end('x'.repeat(1000));
  await instance.exited;
  assert.strictEqual(zlib.gunzipSync(Buffer.concat(instance.out.parts)).toString(), 'x'.repeat(1000));
  assert.strictEqual(instance.marks.at(-1).done, 1000);
});

test('a type that the program declares is announced before its first item', async (t) => {
  const hub = await Hub.start(t);
  for (const program of [
    "module.exports = (input) => Object.assign((async function* () { for await (const x of input) yield x; })(), { topic: 'names', contentType: 'text/plain' });",
    "module.exports = (input) => Object.assign(input, { topic: 'names', contentType: 'text/plain' });",
    "module.exports = async (input) => Object.assign(async function* () { yield* input; }, { topic: 'names', contentType: 'text/plain' });",
  ]) {
    const instance = tracked(hub, program);
    const about = await instance.got('output');
    assert.deepStrictEqual([about.provides, about.contentType], ['names', TEXT]);
    assert.strictEqual(instance.out.received, 0);
    instance.end('"a"\n');
    assert.strictEqual(await instance.all(), 'a');
    assert.strictEqual(instance.marks.at(-1).exact, true);
  }
});

test('a program that declares its input Topic is followed, whatever the start says', async (t) => {
  const hub = await Hub.start(t);
  const instance = tracked(hub, `module.exports = [{ requires: 't', contentType: '${LINES}' },
    async function* (input) { for await (const x of input) { await this.save(x); yield x; } }];`, { marks: undefined });
  instance.write(numbers(1, 1));
  const save = await instance.got('save');
  assert.deepStrictEqual([save.done, save.output], [1, 0]);
  instance.send('saved', { id: save.id });
  assert.deepStrictEqual(bare(await instance.marked(1)), { offset: 2, done: 1, n: 0, exact: true });
});
