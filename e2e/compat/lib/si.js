'use strict';
// Drives si, the published command line, as its users do: a home of its own, a
// profile that names the Hub under test, and a session, which is what "-" means.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');

const url = process.env.HUB_URL;
if (!url) throw new Error('HUB_URL is to be set: run "go test ./e2e/compat"');

const program = require.resolve('@scramjet/cli/bin/index.js');
const sequences = path.join(__dirname, '..', 'sequences');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'si-'));
process.on('exit', () => fs.rmSync(home, { recursive: true, force: true }));
fs.mkdirSync(path.join(home, '.si')); // si writes to it before it makes it

const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home };
const space = { url: process.env.SPACE_URL, token: process.env.SPACE_TOKEN }; // where there is one
if (process.env.NODE_EXTRA_CA_CERTS) env.NODE_EXTRA_CA_CERTS = process.env.NODE_EXTRA_CA_CERTS;

function start(args, more = {}) {
  const child = spawn(process.execPath, [program, ...args], { env: { ...env, ...more }, cwd: home });
  const got = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (got.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (got.err += text));
  child.stdin.on('error', () => {}); // it may end without reading
  got.ended = new Promise((done) => child.on('close', (code) => done(code)));
  got.child = child;
  return got;
}

// run runs a command to its end.
async function run(args, { input = '', more } = {}) {
  const got = start(args, more);
  got.child.stdin.end(input);
  const code = await got.ended;
  return { code, out: got.out, err: got.err };
}

// ok wants a command to succeed and answers what it printed.
async function ok(args, options) {
  const { code, out, err } = await run(args, options);
  assert.equal(code, 0, `si ${args.join(' ')}: ${code}\n${out}${err}`);
  return out;
}

// json is ok for a command that prints one JSON value a line.
async function json(args, options) {
  const out = await ok(args, options);
  return JSON.parse(out);
}

// refused wants a command to fail as the Hub has answered it.
async function refused(args, status, words) {
  const { code, out } = await run(args);
  assert.equal(code, 1, out);
  const said = JSON.parse(out);
  assert.equal(said.error, true);
  assert.equal(said.apiStatusCode, String(status));
  assert.match(said.apiError.error, words);
}

// wrong wants a command to fail by itself, with these words.
async function wrong(args, words, options) {
  const { code, out, err } = await run(args, options);
  assert.equal(code, 1, out + err);
  assert.match(err, words);
}

// until follows a command that does not end until it has printed a text; each
// is done again and again meanwhile, since nothing tells when si is listening.
async function until(args, text, each) {
  const got = start(args);
  try {
    for (const deadline = Date.now() + 20_000; !got.out.includes(text); ) {
      assert.ok(Date.now() < deadline, `si ${args.join(' ')}: no ${JSON.stringify(text)} in ${got.out}${got.err}`);
      assert.equal(got.child.exitCode, null, `si ${args.join(' ')} has ended: ${got.out}${got.err}`);
      if (each) await each();
      else await new Promise((next) => got.child.stdout.once('data', next).once('end', next));
    }
  } finally {
    got.child.kill();
    await got.ended;
  }
  return got.out;
}

// connect points the default profile at the Hub and wants JSON of it.
async function connect() {
  await ok(['config', 'set', 'json', JSON.stringify({ apiUrl: url, log: { debug: false, format: 'json' } })]);
}

// connectSpace points the default profile at the Space.
async function connectSpace() {
  const profile = { middlewareApiUrl: space.url, token: space.token, env: 'production', log: { debug: false, format: 'json' } };
  await ok(['config', 'set', 'json', JSON.stringify(profile)]);
}

// spaceRequest is request at the Space, as si asks there.
async function spaceRequest(method, where, { headers = {}, body } = {}) {
  const response = await fetch(`${space.url}/${where}`, { method, headers: { ...headers, Authorization: `Bearer ${space.token}` }, body });
  const text = await response.text();
  return { status: response.status, text, json: () => JSON.parse(text) };
}

// launch packs, sends and starts a program; "-" means it then.
async function launch(name, ...args) {
  const made = await json(['seq', 'deploy', path.join(sequences, name), ...args]);
  return made._id;
}

// request is one that commands of newer versions of si make, and this one cannot.
async function request(method, where, { headers = {}, body } = {}) {
  const response = await fetch(`${url}/${where}`, { method, headers, body, duplex: 'half' });
  const text = await response.text();
  return { status: response.status, text, json: () => JSON.parse(text) };
}

// ended waits for the end of an Instance.
async function ended(id) {
  await request('GET', `instance/${id}/stderr?from=end`);
  return (await request('GET', `instance/${id}`)).json();
}

module.exports = { url, home, sequences, run, ok, json, refused, wrong, until, connect, connectSpace, launch, request, spaceRequest, ended };
