'use strict';
// Loading: from the package's `main` to the functions of its chain.

const fs = require('fs');
const path = require('path');
const { installForModules } = require('./scramjet');

// EntrypointError: main names no file.
class EntrypointError extends Error {}

// findEntry is the file that main means, with or without its extension.
function findEntry(folder, main) {
  const base = path.resolve(folder, main);
  const inside = path.relative(folder, base).split(path.sep)[0] !== '..';
  const names = [base, base + '.js', base + '.cjs', base + '.mjs',
    path.join(base, 'index.js'), path.join(base, 'index.cjs'), path.join(base, 'index.mjs')];
  for (const name of names) {
    if (inside && isFile(name)) return name;
  }
  throw new EntrypointError(`Sequence entrypoint path ${main} is invalid. Check \`main\` field in Sequence package.json`);
}

function isFile(name) {
  const stat = fs.statSync(name, { throwIfNoEntry: false });
  return stat !== undefined && stat.isFile();
}

// isModule tells whether Node takes a file for an ES module.
function isModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    const manifest = path.join(dir, 'package.json');
    if (isFile(manifest)) return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
    if (dir === path.dirname(dir) || path.basename(dir) === 'node_modules') return false;
  }
}

// importFile tries again with the bundled scramjet library when that is what
// an ES module misses.
async function importFile(file) {
  const { href } = require('url').pathToFileURL(file);
  try {
    return await import(href);
  } catch (err) {
    if (err?.code !== 'ERR_MODULE_NOT_FOUND' || !/'scramjet'/.test(err.message) || !installForModules()) throw err;
    return import(`${href}?scramjet`); // the failed one is remembered by its URL
  }
}

async function loadFile(file) {
  if (isModule(file)) return importFile(file);
  try {
    return require(file);
  } catch (err) {
    if (err?.code !== 'ERR_REQUIRE_ESM' && err?.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw err;
    return importFile(file);
  }
}

// unwrap takes the default export; twice for CommonJS made by a transpiler and
// loaded by import.
function unwrap(exported) {
  for (let i = 0; i < 2; i++) {
    if (exported === null || typeof exported !== 'object' && typeof exported !== 'function') return exported;
    if (!Object.prototype.hasOwnProperty.call(exported, 'default')) return exported;
    exported = exported.default;
  }
  return exported;
}

// chainOf checks what a package exports: {functions, requires, contentType}.
function chainOf(exported) {
  const chain = Array.isArray(exported) ? exported.slice() : [exported];
  const declared = {};
  if (Array.isArray(exported) && chain.length > 0 && typeof chain[0] !== 'function') {
    const head = chain.shift();
    if (typeof head !== 'object' || head === null || typeof head.requires !== 'string') {
      throw new TypeError('the first item of the exported array must be a function or an object {requires, contentType}');
    }
    declared.requires = head.requires;
    declared.contentType = head.contentType;
  }
  if (chain.length === 0) throw new TypeError('the package exports no function');
  chain.forEach((item, i) => {
    if (typeof item !== 'function') {
      throw new TypeError(Array.isArray(exported)
        ? `item ${i + 1} of the exported chain is no function`
        : 'the package must export a function or an array of functions');
    }
  });
  return { functions: chain, ...declared };
}

// load is the chain of the package in folder.
async function load(entry) {
  return chainOf(unwrap(await loadFile(entry)));
}

module.exports = { EntrypointError, findEntry, load };
