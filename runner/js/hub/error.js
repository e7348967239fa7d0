'use strict';

const CODES = {
  400: 'BAD_PARAMETERS',
  401: 'NEED_AUTHENTICATION',
  403: 'NOT_AUTHORIZED',
  404: 'NOT_FOUND',
  410: 'GONE',
  419: 'INSUFFICIENT_RESOURCES',
  422: 'UNPROCESSABLE_ENTITY',
};

function codeOf(status) {
  if (!status) return 'CANNOT_CONNECT';
  return CODES[status] || (status >= 500 ? 'SERVER_ERROR' : 'REQUEST_ERROR');
}

// ClientError is what every call of a client rejects with: `code` by kind,
// `status` as text ("404"; undefined when there was no answer), `body` as sent
// and `message` for people.
class ClientError extends Error {
  constructor(request, { status, body, reason } = {}) {
    super(`${request}: ${detail(status, body, reason)}`);
    this.name = 'ClientError';
    this.code = codeOf(status);
    this.status = status === undefined ? undefined : String(status);
    this.body = body;
    if (reason !== undefined) this.reason = reason;
  }

  // toJSON resolves with the body as an object.
  async toJSON() {
    return typeof this.body === 'string' ? JSON.parse(this.body) : this.body;
  }
}

function detail(status, body, reason) {
  if (status === undefined) return reason ? reason.message : 'no answer';
  let said = body;
  try {
    const { error, message } = JSON.parse(body);
    said = message || error || body;
    if (typeof said === 'object') said = JSON.stringify(said);
  } catch {
    // not JSON: as it is
  }
  return said ? `${status} ${said}` : String(status);
}

module.exports = { ClientError };
