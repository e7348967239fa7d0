'use strict';
// Calling: the functions of a chain one after the other, each fed with what
// the one before returned.

const { Readable } = require('stream');
const { InputStream } = require('./input-stream');
const { addScramjet, kindOf } = require('./scramjet');
const { isStream, isIterable } = require('./produce');

// runChain resolves with what the last function returned. onStream is called
// when one of them feeds the next with another stream than the input.
async function runChain(functions, context, input, args, onStream) {
  let value = input;
  for (let i = 0; i < functions.length; i++) {
    value = await functions[i].call(context, value, ...args);
    if (i === functions.length - 1) break;
    value = await between(value, i);
    if (value !== input) onStream();
  }
  return value;
}

// between makes a stream with scramjet's methods of what a function passed on.
async function between(value, i) {
  if (typeof value === 'function') value = await value();
  if (!value) {
    throw new Error(`SEQUENCE_ENDED_PREMATURE: function ${i + 1} of the chain returned ${value}, the next one has no input`);
  }
  if (typeof value !== 'object') return withScramjet(Readable.from([value]));
  if (value instanceof InputStream || (isStream(value) && kindOf(value) !== '')) return value;
  if (isStream(value)) return withScramjet(value);
  if (isIterable(value)) return withScramjet(Readable.from(value));
  throw new TypeError(`function ${i + 1} of the chain returned an object that is neither a stream nor iterable`);
}

function withScramjet(stream) {
  addScramjet(stream);
  return stream;
}

module.exports = { runChain };
