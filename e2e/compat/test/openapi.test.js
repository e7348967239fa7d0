'use strict';
// The description of the API is an OpenAPI document. That it is true, the
// replay in transcripts/ shows.

const assert = require('node:assert/strict');
const test = require('node:test');
const { raw } = require('../lib/hub');

test('the description is valid OpenAPI 3.1', async () => {
  const { Validator } = await import('@seriousme/openapi-schema-validator');
  const { status, json } = await raw('GET', 'openapi.json');
  assert.equal(status, 200);
  const validator = new Validator();
  const { valid, errors } = await validator.validate(json);
  assert.ok(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, '3.1');
});
