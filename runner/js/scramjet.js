'use strict';
// The scramjet library, seen from outside: it is loaded when a program calls
// one of its methods or requires it, and its streams are told by their shape,
// because a program may bring a copy of its own.

const Module = require('module');
const { Readable } = require('stream');

let bundle = ''; // path of the bundled library, '' without one
let library = null;

// DATA are methods of scramjet's DataStream, STRING those which only a
// StringStream has, BUFFER only a BufferStream.
const DATA = ('map filter reduce do all race unorder into use run copy tee each while until bufferify stringify ' +
  'toArray toGenerator toBufferStream toStringStream pull shift peek slice assign empty endWith accumulate consume ' +
  'reduceNow remap flatMap flatten concat join keep rewind stack distribute separateInto separate delegate rate batch ' +
  'timeBatch nagle window toJSONArray toJSONObject JSONStringify CSVStringify exec debug pop group ' +
  'setOptions whenRead whenError whenEnd catch raise graph tap').split(' ');
const STRING = 'split match parse lines JSONParse CSVParse append prepend'.split(' ');
const BUFFER = ['breakup', 'toDataStream'];

// NODE are Node's own operators that scramjet has no other for.
const NODE = ['forEach', 'some', 'every', 'find', 'drop', 'take', 'asIndexedPairs', 'compose'];

const views = new WeakMap(); // stream → {class name: scramjet stream fed by it}

// view is the scramjet stream of a class that carries on what stream gives.
function view(stream, className) {
  let made = views.get(stream);
  if (made === undefined) views.set(stream, made = {});
  return made[className] || (made[className] = load()[className].from(stream));
}

function load() {
  if (library !== null) return library;
  if (bundle === '') throw new Error('this Hub was built without the scramjet library: add it to the dependencies of your package');
  library = require(bundle);
  return library;
}

// viewOf chooses the class for methods that several have: by the type of the
// stream where it is known already.
function viewOf(stream, method) {
  const type = String(stream.contentType || '');
  if (STRING.includes(method)) return method === 'split' || method === 'parse' ? bytesOrText(type) : 'StringStream';
  if (BUFFER.includes(method)) return 'BufferStream';
  if (method === 'shift' || method === 'pop') return type.startsWith('text/plain') ? 'StringStream' : 'DataStream';
  return 'DataStream';
}

function bytesOrText(type) {
  return type.startsWith('application/octet-stream') ? 'BufferStream' : 'StringStream';
}

// callOwn calls one of Node's operators. They iterate the input, but not at the
// pace of the program behind them.
function callOwn(own, stream, args) {
  const { _input: input } = stream;
  if (input && input.progress !== null) input.progress.readsAhead();
  return own.apply(stream, args);
}

// addScramjet gives target (a stream, or a prototype) the methods of scramjet.
// Where the library is absent, Node's own methods of the same name stay.
function addScramjet(target) {
  for (const method of [...DATA, ...STRING, ...BUFFER]) {
    const own = Readable.prototype[method];
    Object.defineProperty(target, method, {
      configurable: true,
      writable: true,
      value(...args) {
        if (bundle === '' && own !== undefined) return callOwn(own, this, args);
        const stream = view(this, viewOf(this, method));
        return stream[method](...args);
      },
    });
  }
  for (const method of NODE) {
    const own = Readable.prototype[method];
    if (own === undefined) continue;
    Object.defineProperty(target, method, { configurable: true, writable: true, value(...args) { return callOwn(own, this, args); } });
  }
}

// kindOf names the scramjet class a stream belongs to, '' for none.
function kindOf(stream) {
  const scramjet = ['pushTransform', 'whenRead', 'raise', 'tap'].every((name) => typeof stream[name] === 'function');
  if (!scramjet) return '';
  if (typeof stream.match === 'function') return 'StringStream';
  if (typeof stream.breakup === 'function') return 'BufferStream';
  return 'DataStream';
}

// install names the bundled library and lets programs without a copy of their
// own require it.
function install(path) {
  if (!path || bundle !== '') return;
  bundle = path;
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function resolveFilename(request, ...rest) {
    if (request !== 'scramjet') return resolve.call(this, request, ...rest);
    try {
      return resolve.call(this, request, ...rest);
    } catch (err) {
      if (err.code !== 'MODULE_NOT_FOUND') throw err;
      return bundle;
    }
  };
}

const HOOKS = `
let url;
export async function initialize(data) { ({ url } = data); }
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (err) {
    if (specifier !== 'scramjet' || err.code !== 'ERR_MODULE_NOT_FOUND') throw err;
    return { url, shortCircuit: true };
  }
}`;

// installForModules does the same for ES modules. It costs a thread on older
// versions of Node, so it is called only when a program needs it; false when
// it can't be done.
function installForModules() {
  if (bundle === '' || typeof Module.register !== 'function') return false;
  const { pathToFileURL } = require('url');
  Module.register(`data:text/javascript,${encodeURIComponent(HOOKS)}`, {
    data: { url: pathToFileURL(bundle.replace(/\.js$/, '.mjs')).href },
  });
  return true;
}

module.exports = { addScramjet, kindOf, install, installForModules, DATA, STRING, BUFFER };
