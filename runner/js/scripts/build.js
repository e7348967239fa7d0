'use strict';
// Bundles the scramjet library, with the licences of all it is made of, into
// vendor/scramjet.js (and scramjet.mjs for ES modules), and the program of its worker processes beside it, where
// the library looks for it.

const esbuild = require('esbuild');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const ALLOWED = ['MIT'];

// packages are the folders of node_modules that files of the bundle come from.
function packages(inputs) {
  const names = Object.keys(inputs)
    .map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file))
    .filter(Boolean)
    .map((match) => match[1]);
  return [...new Set(names)].sort();
}

function licence(name) {
  const folder = path.join(root, 'node_modules', name);
  const { version, license } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  if (!ALLOWED.includes(license)) throw new Error(`${name} ${version} has the licence ${license}`);
  const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} ${version} has no licence file`);
  return `${name} ${version} (${license})\n\n${fs.readFileSync(path.join(folder, file), 'utf8').trim()}`;
}

const OPTIONS = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node18',
  format: 'cjs',
  minifyWhitespace: true,
  keepNames: true, // class names are seen in errors
  metafile: true,
  write: false,
  legalComments: 'none',
};

// external makes the worker's program use the bundled library.
const external = {
  name: 'library',
  setup(build) {
    build.onResolve({ filter: /^\.\.\/$/ }, () => ({ path: './scramjet.js', external: true }));
  },
};

function write(name, text) {
  const file = path.join(root, 'vendor', name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
  console.log(`vendor/${name}: ${fs.statSync(file).size} bytes`);
}

// moduleOf makes the names of the library known to ES modules.
function moduleOf(library) {
  const names = Object.keys(library).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
  return `import library from './scramjet.js';\nexport default library;\nexport const { ${names.join(', ')} } = library;\n`;
}

async function main() {
  const library = await esbuild.build({
    ...OPTIONS,
    stdin: { contents: "module.exports = require('scramjet');", resolveDir: root },
  });
  const worker = await esbuild.build({
    ...OPTIONS,
    entryPoints: ['node_modules/scramjet/lib/stream-child.js'],
    plugins: [external],
  });
  const licences = packages(library.metafile.inputs).map(licence).join('\n\n---\n\n').replaceAll('*/', '* /');
  write('scramjet.js', `/*\n${licences}\n*/\n${library.outputFiles[0].text}`);
  write('scramjet.mjs', moduleOf(require(path.join(root, 'vendor', 'scramjet.js'))));
  write('stream-child.js', `// Licence: see scramjet.js\n${worker.outputFiles[0].text}`);
}

main().catch((err) => {
  console.error(err.message);
  process.exit(1);
});
