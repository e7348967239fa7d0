'use strict';
// The channel breaks, the Hub restarts, the Hub talks nonsense: nothing may be
// lost or come twice.

const { test } = require('node:test');
const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Hub } = require('./hub');

const LINES = 'application/x-ndjson', TEXT = 'text/plain';
const ECHO = 'module.exports = async function* (input) { for await (const x of input) yield x; }';
const PASS = "const { PassThrough } = require('stream'); module.exports = (input) => input.pipe(new PassThrough());";

test('the first HELLO', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.spawn();
  const hello = await instance.until(() => instance.hellos[0]);
  assert.deepStrictEqual(hello, {
    version: 1, key: instance.key, language: 'node', languageVersion: process.versions.node, pid: instance.child.pid,
    instance: '',
    input: { received: 0, limit: 4194304, ended: false, contentType: '' },
    output: { acked: 0, next: 0, ended: false },
    messages: { received: 0, next: 1 },
  });
});

test('a warm runner runs what it is given later', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.spawn();
  await instance.until(() => instance.hellos.length > 0);
  instance.start({ package: hub.package({ 'index.js': 'module.exports = () => "late"' }), main: 'index.js' });
  assert.strictEqual(await instance.all(), 'late');
  assert.strictEqual(await instance.exited, 0);
});

test('a runner without a program exits when its Hub goes', async (t) => {
  const hub = await Hub.start(t);
  const waiting = hub.spawn();
  await waiting.until(() => waiting.hellos.length > 0);
  waiting.drop();
  assert.strictEqual(await waiting.exited, 11);
  const unknown = hub.spawn();
  hub.instances.delete(unknown.key);
  assert.strictEqual(await unknown.exited, 11);
});

// pump writes n lines, and cuts the channel at random moments.
async function throughCuts(instance, n, cuts, cutNow) {
  let written = 0;
  const lines = () => {
    let text = '';
    for (let i = 0; i < 2000 && written < n; i++) text += `{"i":${written++}}\n`;
    return text;
  };
  for (let i = 0; i < cuts; i++) {
    while (written < ((i + 1) * n) / (cuts + 1)) instance.write(lines());
    const before = instance.out.received;
    await instance.until(() => instance.out.received > before);
    await cutNow();
  }
  while (written < n) instance.write(lines());
  instance.end();
}

function numbered(n) {
  return Array.from({ length: n }, (_, i) => `{"i":${i}}\n`).join('');
}

for (const [name, program] of [['objects', ECHO], ['bytes', PASS]]) {
  test(`connections cut under load, ${name}`, async (t) => {
    const hub = await Hub.start(t);
    const instance = hub.run(program);
    instance.send('input', { contentType: name === 'bytes' ? TEXT : LINES });
    await throughCuts(instance, 200000, 20, async () => {
      const n = instance.hellos.length;
      instance.drop();
      await instance.until(() => instance.hellos.length > n);
    });
    assert.ok(await instance.all() === numbered(200000), 'the output differs');
    assert.strictEqual(instance.hellos.length, 21);
    assert.strictEqual(instance.messages.filter((m) => m.type === 'completed').length, 1);
    assert.strictEqual(await instance.exited, 0);
  });
}

test('a Hub that is away for a while', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(`module.exports = async function* () {
    for (let i = 0; i < 3000; i++) { if (i % 100 === 0) this.emit('at', i); yield { i }; await new Promise(setImmediate); }
  }`);
  for (let i = 0; i < 3; i++) {
    const before = instance.out.received;
    await instance.until(() => instance.out.received > before + 2000);
    await hub.away();
    await new Promise((go) => setTimeout(go, 60)); // several tries to connect meet nobody
    await hub.back();
  }
  assert.strictEqual(await instance.all(), numbered(3000));
  assert.deepStrictEqual(instance.messages.filter((m) => m.type === 'event').map((m) => m.message), Array.from({ length: 30 }, (_, i) => i * 100));
  assert.strictEqual(await instance.exited, 0);
});

test('a Hub that has restarted goes on from HELLO', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(ECHO, {}, { ack: false, ackMessages: false, window: 65536 });
  instance.send('input', { contentType: LINES });
  instance.write(numbered(100));
  await instance.until(() => instance.out.received === numbered(100).length);
  await instance.until(() => instance.messages.length >= 3);
  instance.sendWindow(10); // the rest of the output is not acked
  await instance.until(() => instance.input.acked === instance.input.next);

  instance.drop();
  // The new Hub process knows what the old one stored: 10 bytes of output and
  // no message. It waits for HELLO with all else.
  instance.connected = (socket, hello) => {
    delete instance.connected;
    assert.strictEqual(hello.instance, 'test-instance');
    assert.deepStrictEqual(hello.input, { received: numbered(100).length, limit: (4 << 20) + numbered(100).length, ended: false, contentType: LINES });
    assert.deepStrictEqual(hello.output, { acked: 10, next: numbered(100).length, ended: false });
    assert.deepStrictEqual(hello.messages, { received: 2, next: 1 });
    instance.out = { parts: [], received: hello.output.acked, limit: 0, ended: false };
    instance.messages = [];
    instance.received = hello.messages.next - 1;
    instance.nextMessage = hello.messages.received + 1;
    instance.queue = [];
    instance.ack = true;
    instance.ackMessages = true;
    instance.connected(socket, hello);
  };
  instance.write('{"i":100}\n');
  instance.end();
  assert.strictEqual(await instance.all(), numbered(101).slice(10));
  await instance.exited;
  const types = instance.messages.map((m) => m.type);
  assert.deepStrictEqual(types.filter((type) => type !== 'health'), ['ready', 'output', 'completed']);
});

test('the runner works on without a Hub until its window is used up', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = function* () { for (let i = 0; i < 300; i++) { console.log(i); yield "x".repeat(1021); } }', {}, { window: 65536, ack: false });
  await instance.until(() => instance.out.received === 65536);
  instance.sendWindow(65536);
  await instance.until(() => instance.out.received === 131072);
  await hub.away();
  instance.ack = true;
  await hub.back();
  const text = await instance.all();
  assert.strictEqual(text, `"${'x'.repeat(1021)}"\n`.repeat(300));
});

test('a Hub that breaks the rules loses its connection and can go on with a new one', async (t) => {
  const hub = await Hub.start(t);
  const head = (type, stream, length, number) => {
    const b = Buffer.alloc(16);
    b[0] = type;
    b.writeUInt16BE(stream, 2);
    b.writeUInt32BE(length, 4);
    b.writeBigUInt64BE(BigInt(number), 8);
    return b;
  };
  const offences = {
    'an unknown type': [head(9, 0, 0, 0)],
    'a gap in the input': [head(3, 1, 1, 1000), Buffer.from('x')],
    'input over the limit': [head(3, 1, 1, 4 << 20), Buffer.from('x')],
    'an end elsewhere': [head(5, 1, 0, 99)],
    'a gap in messages': [head(6, 0, 2, 50), Buffer.from('{}')],
    'a message that is no JSON': [head(6, 0, 2, 3), Buffer.from('{x')],
    'an ack of output never sent': [head(4, 2, 8, 1 << 20), Buffer.alloc(8)],
    'an ack of a message never sent': [head(4, 0, 0, 1000)],
    'a second WELCOME': [head(2, 0, 2, 0), Buffer.from('{}')],
    'output of its own': [head(3, 2, 1, 0), Buffer.from('x')],
  };
  const instance = hub.run(ECHO);
  instance.send('input', { contentType: LINES });
  await instance.got('ready');
  let hellos = 1;
  for (const [name, bytes] of Object.entries(offences)) {
    instance.socket.write(Buffer.concat(bytes));
    await instance.until(() => instance.hellos.length > hellos, name);
    hellos++;
  }
  instance.end('{"i":0}\n');
  assert.strictEqual(await instance.all(), '{"i":0}\n');
  assert.strictEqual(await instance.exited, 0);
});

test('a message that comes again is handled once and acked again', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run("module.exports = function () { this.on('x', (n) => this.emit('had', n)); return new Promise(() => {}); }");
  await instance.got('ready');
  instance.send('event', { name: 'x', message: 1 });
  const again = instance.queue[instance.queue.length - 1].bytes;
  await instance.got('event');
  instance.socket.write(again);
  instance.send('event', { name: 'x', message: 2 });
  await instance.got('event', 2);
  await instance.until(() => instance.queue.length === 0);
  assert.deepStrictEqual(instance.messages.filter((m) => m.type === 'event').map((m) => m.message), [1, 2]);
});

test('a key the Hub does not know yet', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(ECHO);
  instance.send('input', { contentType: LINES });
  await instance.got('ready');
  hub.instances.delete(instance.key);
  instance.drop();
  await new Promise((go) => setTimeout(go, 80)); // it is turned away a few times
  hub.instances.set(instance.key, instance);
  instance.end('{"i":0}\n');
  assert.strictEqual(await instance.all(), '{"i":0}\n');
});

test('END is acked before the runner leaves, also over a cut', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run('module.exports = () => "x"', {}, { ack: false });
  await instance.until(() => instance.out.ended);
  instance.sendWindow(0);
  await instance.got('completed');
  instance.drop();
  const hello = await instance.until(() => instance.hellos[1]);
  assert.deepStrictEqual(hello.output, { acked: 0, next: 1, ended: true });
  instance.out.ended = false; // END comes again
  await instance.until(() => instance.out.ended);
  assert.strictEqual(instance.exitCode, undefined);
  instance.sendWindow(1);
  assert.strictEqual(await instance.exited, 0);
});

test('the last acks of a Hub that is gone are read', async (t) => {
  const hub = await Hub.start(t);
  const gone = path.join(hub.dir, 'gone');
  const instance = hub.run(`const fs = require('fs');
  module.exports = async function* () {
    yield 1;
    await new Promise((go) => this.on('go', go));
    this.emit('blocked');
    while (!fs.existsSync(${JSON.stringify(gone)}));
    yield 2; // the write is what finds the Hub gone
  }`, {}, { ack: false });
  await instance.until(() => instance.out.received === 2);
  instance.send('event', { name: 'go' });
  await instance.got('event');
  instance.sendWindow(2);
  const { socket } = instance;
  socket.write('', () => instance.drop());
  await once(socket, 'close');
  fs.writeFileSync(gone, '');
  const hello = await instance.until(() => instance.hellos[1]);
  assert.strictEqual(hello.output.acked, 2);
  assert.strictEqual(hello.messages.next, instance.received + 1);
  await instance.until(() => instance.out.ended);
  instance.sendWindow(4);
  assert.strictEqual(instance.output(), '1\n2\n');
  assert.strictEqual(await instance.exited, 0);
});

test('acks of input ride along with output', async (t) => {
  const hub = await Hub.start(t);
  const instance = hub.run(PASS);
  instance.send('input', { contentType: TEXT });
  const n = 500;
  const begin = Date.now();
  for (let i = 0; i < n; i++) {
    instance.write('x'.repeat(99) + '\n');
    await instance.until(() => instance.out.received === (i + 1) * 100);
  }
  const alone = (Date.now() - begin) / 5; // one by itself every 5 ms at most
  assert.ok(instance.windows <= n + alone + 2, `${instance.windows} WINDOW frames for ${n} lines`);
  instance.end();
  await instance.all();
});
