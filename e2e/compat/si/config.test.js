'use strict';
// si config, completion, util: what si does by itself, with what it needs of a Hub.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { url, home, ok, json, run, wrong } = require('../lib/si');

const profile = (name) => JSON.parse(fs.readFileSync(path.join(home, '.si', 'profiles', `${name}.json`), 'utf8'));

test('a Hub is named by config set apiUrl', async () => {
  await ok(['config', 'set', 'apiUrl', url]);
  await ok(['config', 'set', 'log', '--format', 'json']);
  const shown = await json(['config', 'print']);
  assert.equal(shown.apiUrl, url);
  assert.equal(shown.log.format, 'json');
  assert.deepEqual(profile('default'), shown);
  assert.equal((await json(['hub', 'version'])).version, '1.0.1');
});

test('profiles are made, used, listed and removed', async () => {
  await ok(['config', 'profile', 'create', 'plant']);
  assert.equal(profile('plant').apiUrl, 'http://127.0.0.1:8000/api/v1');
  await ok(['config', 'profile', 'use', 'plant']);
  assert.match((await run(['config', 'profile', 'ls'])).err, /-> plant/);
  await ok(['config', 'set', 'json', JSON.stringify({ apiUrl: 'http://127.0.0.1:1/api/v1' })]);
  const away = await run(['seq', 'ls']);
  assert.equal(away.code, 1);
  assert.match(away.out, /CANNOT_CONNECT/);
  assert.equal((await json(['--config', 'default', 'hub', 'version'])).apiVersion, 'v1');
  assert.equal((await json(['hub', 'version'], { more: { SI_CONFIG: 'default' } })).apiVersion, 'v1');
  const file = path.join(home, '.si', 'profiles', 'default.json');
  assert.equal((await json(['--config-path', file, 'hub', 'version'])).apiVersion, 'v1');
  await ok(['config', 'reset', 'all']);
  assert.equal(profile('plant').apiUrl, 'http://127.0.0.1:8000/api/v1');
  await ok(['config', 'profile', 'use', 'default']);
  await ok(['config', 'profile', 'remove', 'plant']);
  assert.ok(!fs.existsSync(path.join(home, '.si', 'profiles', 'plant.json')));
  await wrong(['config', 'profile', 'use', 'plant'], /Unknown profile: plant/);
});

test('values are set and reset one by one', async () => {
  const token = 'eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo';
  const steps = [
    [['token', token], 'token', token],
    [['scope', 'here'], 'scope', 'here'],
    [['env', 'development'], 'env', 'development'],
    [['middlewareApiUrl', 'https://m.example.org/api'], 'middlewareApiUrl', 'https://m.example.org/api'],
  ];
  for (const [words, key, value] of steps) {
    await ok(['config', 'set', ...words]);
    assert.equal(profile('default')[key], value);
  }
  assert.equal((await json(['hub', 'version'])).apiVersion, 'v1'); // a token of a Space does not matter
  for (const key of ['token', 'env']) await ok(['config', 'reset', key]);
  assert.equal(profile('default').token, '');
  await ok(['config', 'reset', 'apiUrl']);
  assert.equal(profile('default').apiUrl, 'http://127.0.0.1:8000/api/v1');
  await ok(['config', 'set', 'apiUrl', url]);
});

test('results are pretty unless JSON is asked for, and requests are shown when debugging', async () => {
  await ok(['config', 'set', 'log', '--format', 'pretty', '--debug', 'true']);
  const shown = await run(['hub', 'version']);
  assert.match(shown.out, /apiVersion: 'v1'/);
  assert.match(shown.err, new RegExp(`Request ok: ${url}/version status: 200 OK`));
  const failed = await run(['seq', 'get', 'nope']);
  assert.equal(failed.code, 1);
  assert.match(failed.out, /apiError: \{ error: 'Sequence nope not found'/);
  await ok(['config', 'set', 'log', '--format', 'json', '--debug', 'false']);
});

test('what is wrong is refused by si itself', async () => {
  await wrong(['config', 'set', 'token', 'abc'], /Invalid token/);
  await wrong(['config', 'set', 'apiUrl', 'nonsense'], /Invalid url/);
  await wrong(['seq', 'get', '-'], /Previous value isn't sa/);
  assert.match((await run(['seq', 'send', 'no-such.tar.gz'])).err, /not found/); // with exit code 0
  await wrong(['seq', 'pack', home], /package.json not found/);
  await wrong(['nonsense'], /unknown command 'nonsense'/);
});

test('logs are formatted, completion is printed', async () => {
  const entry = JSON.stringify({ level: 'INFO', msg: 'hello', ts: 1000, from: 'Hub' });
  assert.match(await ok(['util', 'log-format', '--no-color'], { input: `${entry}\n` }), /INFO\s+Hub hello/);
  assert.match(await ok(['completion', 'bash']), /complete -F _si_completion si/);
});
