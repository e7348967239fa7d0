'use strict';
// Decoders and frames, by themselves: how bytes are cut must not matter.

const { test } = require('node:test');
const assert = require('node:assert');
const { decoderFor, baseType } = require('../decode');
const { FrameReader, ProtocolError, frame, windowFrame, writeHeader, readNumber } = require('../frames');

// random is a small generator with a seed, so that a failure can be repeated.
function random(seed) {
  return () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
}

function cut(bytes, next) {
  const pieces = [];
  for (let at = 0; at < bytes.length;) {
    const n = 1 + Math.floor(next() * next() * (bytes.length < 1000 ? 40 : 3000));
    pieces.push(Buffer.from(bytes.subarray(at, at + n)));
    at += n;
  }
  return pieces;
}

function decodeAll(type, pieces, errors = []) {
  const decoder = decoderFor(type, { error: (message) => errors.push(message) });
  const all = [];
  for (const piece of pieces) {
    let items = decoder.decode(piece);
    while (items.length > 0) {
      all.push(...items);
      items = decoder.more();
    }
  }
  return [...all, ...decoder.end()];
}

test('JSON lines cut anywhere give what they give whole', () => {
  const parts = ['{"a":"ż€😀"}', '[1,2]', '"s"', '7', 'null', '', ' ', '{"broken', '1,2', '[3', '4]', '\ufeff{}', '{"nl":"\\n"}'];
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed);
    const text = Array.from({ length: seed }, () => parts[Math.floor(next() * parts.length)]).join('\n') + (next() < 0.5 ? '\n' : '');
    const expected = [];
    const wrong = [];
    text.split('\n').forEach((line, i) => {
      if (line.trim() === '' && line !== '\ufeff{}') return;
      try {
        expected.push(JSON.parse(line));
      } catch {
        wrong.push(`input line ${i + 1} is not JSON: skipped`);
      }
    });
    const errors = [];
    assert.deepStrictEqual(decodeAll('application/x-ndjson', cut(Buffer.from(text), next), errors), expected, `seed ${seed}`);
    assert.deepStrictEqual(errors, wrong, `seed ${seed}`);
  }
});

test('text cut anywhere gives whole code points, and broken bytes as they would be', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed);
    const bytes = next() < 0.5
      ? Buffer.from(Array.from({ length: 60 }, () => ['a', 'ż', '€', '😀'][Math.floor(next() * 4)]).join(''))
      : Buffer.from(Array.from({ length: 60 }, () => Math.floor(next() * 256)));
    const strings = decodeAll('text/plain', cut(bytes, next));
    if (!bytes.toString().includes('\ufffd')) {
      for (const s of strings) assert.ok(!s.includes('\ufffd'), `seed ${seed}`);
    }
    assert.strictEqual(strings.join(''), new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), `seed ${seed}`);
  }
});

test('content types', () => {
  assert.strictEqual(baseType('Text/Plain ; charset=x'), 'text/plain');
  assert.strictEqual(decoderFor('image/png'), null);
  assert.strictEqual(decoderFor('application/json'), null);
});

test('numbers over 32 bit', () => {
  const bytes = windowFrame(1, 2 ** 40 + 7, 2 ** 52 + 1);
  assert.strictEqual(readNumber(bytes, 8), 2 ** 40 + 7);
  assert.strictEqual(readNumber(bytes, 16), 2 ** 52 + 1);
  assert.throws(() => readNumber(Buffer.alloc(8, 255), 0), ProtocolError);
});

// header is a frame as a Hub sends it.
function hubFrame(type, stream, number, payload) {
  return frame(type, stream, number, Buffer.from(payload));
}

test('frames cut anywhere arrive whole, DATA in pieces', () => {
  const sent = [
    [2, 0, 0, '{"version":1}'], [3, 1, 0, 'some input'], [4, 0, 5, ''], [4, 2, 9, '12345678'],
    [6, 0, 1, '{"type":"stop"}'], [3, 1, 10, 'x'.repeat(1000)], [5, 1, 1010, ''],
  ];
  const bytes = Buffer.concat(sent.map((f) => hubFrame(...f)));
  for (let seed = 1; seed <= 200; seed++) {
    const got = [];
    let data = '';
    const reader = new FrameReader(
      (type, stream, number, payload) => got.push([type, stream, number, payload.toString()]),
      (offset, piece) => {
        assert.strictEqual(offset, data.length);
        data += piece;
      });
    for (const piece of cut(bytes, random(seed))) reader.push(piece);
    assert.deepStrictEqual(got, sent.filter((f) => f[0] !== 3), `seed ${seed}`);
    assert.strictEqual(data, 'some input' + 'x'.repeat(1000));
  }
});

test('frames a Hub may not send', () => {
  for (const [type, stream, length] of [
    [0, 0, 0], [7, 0, 0], [1, 0, 2], [2, 1, 2], [2, 0, 0], [3, 2, 1], [3, 0, 1], [3, 1, 0], [3, 1, (1 << 24) + 1],
    [4, 1, 8], [4, 2, 0], [4, 2, 7], [4, 0, 8], [4, 3, 8], [5, 2, 0], [5, 1, 1], [6, 1, 2], [6, 0, 0],
  ]) {
    const head = Buffer.alloc(16);
    writeHeader(head, type, stream, length, 0);
    const reader = new FrameReader(() => assert.fail('passed on'), () => assert.fail('passed on'));
    assert.throws(() => reader.push(head), ProtocolError, `${type} ${stream} ${length}`);
  }
});

test('random bytes never do more than end the connection', () => {
  const next = random(7);
  for (let i = 0; i < 2000; i++) {
    const reader = new FrameReader(() => {}, () => {});
    try {
      for (let k = 0; k < 5; k++) reader.push(Buffer.from(Array.from({ length: 40 }, () => Math.floor(next() * (k === 0 ? 7 : 256)))));
    } catch (err) {
      assert.ok(err instanceof ProtocolError, err);
    }
  }
});
