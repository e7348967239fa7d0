'use strict';
// HTTP over the Hub's Unix socket, with the Instance's own token.

const http = require('http');
const { Readable, finished } = require('stream');
const { ClientError } = require('./error');

const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';
const CONTINUE_WITHIN = 1000; // ms; then the body is sent to a Hub that does not say 100
const ERROR_MAX = 1024 * 1024; // bytes of an error's body that are read

class Client {
  // api is {socket, base, token}; base is a path or a URL.
  constructor(api, under = '') {
    this.api = api;
    const url = new URL(api.base || '/api/v1', 'http://hub');
    this.target = api.socket ? { socketPath: api.socket } : { host: url.hostname, port: url.port };
    this.host = url.host;
    this.apiBase = url.pathname.replace(/\/$/, '') + under;
    this.agent = new http.Agent({ keepAlive: true });
  }

  // below is a client of the API under another base of the same Hub.
  below(path) {
    return new Client(this.api, path);
  }

  get(path, init) {
    return this.json('GET', path, undefined, init);
  }

  post(path, value, init) {
    return this.json('POST', path, value === undefined ? {} : value, init);
  }

  delete(path, init) {
    return this.json('DELETE', path, undefined, withHeaders(init, { 'content-type': JSON_TYPE }));
  }

  // json sends a value and resolves with the one in the answer; undefined when
  // there is none.
  async json(method, path, value, init) {
    const body = value === undefined ? undefined : JSON.stringify(value);
    if (body !== undefined) init = withHeaders(init, { 'content-type': JSON_TYPE });
    const response = await this.request(method, path, init, body);
    return parse(await text(response));
  }

  // getStream resolves with the body of the answer, a Readable.
  getStream(path, init, type = BYTES_TYPE) {
    return this.request('GET', path, withHeaders(init, { 'content-type': type }));
  }

  // sendStream sends a stream, an iterable, bytes or a string. It resolves when
  // the Hub answers, which may be long before the body is sent whole; with
  // parseResponse it waits for the answer to end.
  async sendStream(path, body, init, { type = BYTES_TYPE, end, put, parseResponse = 'stream' } = {}) {
    const headers = { 'content-type': type };
    if (end !== undefined) headers['x-end-stream'] = end ? 'true' : 'false';
    const response = await this.request(put ? 'PUT' : 'POST', path, withHeaders(init, headers), body);
    if (parseResponse === 'json') return parse(await text(response));
    if (parseResponse === 'text') return text(response);
    return response;
  }

  // request resolves with an answer of status 2xx and rejects with a
  // ClientError otherwise.
  async request(method, path, init = {}, body = undefined) {
    const name = `${method} ${this.apiBase}/${path}`;
    const response = await this.exchange(method, path, init, body).catch((reason) => {
      throw reason instanceof ClientError ? reason : new ClientError(name, { reason });
    });
    if (response.statusCode < 300) return response;
    const said = await text(response, ERROR_MAX).catch(() => '');
    throw new ClientError(name, { status: response.statusCode, body: said || response.statusMessage });
  }

  exchange(method, path, init, body) {
    const streamed = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
    return new Promise((resolve, reject) => {
      const request = http.request({
        ...this.target,
        method,
        path: `${this.apiBase}/${path}`,
        agent: streamed ? false : this.agent, // a body may last as long as the program
        headers: {
          host: this.host,
          ...this.authorization(),
          ...(streamed ? { expect: '100-continue' } : {}),
          ...lower(init.headers),
        },
        signal: init.signal,
      });
      request.on('response', resolve);
      request.on('error', (err) => {
        if (!streamed && request.reusedSocket && unheard(method, err)) resolve(this.exchange(method, path, init, body));
        else reject(err);
      });
      if (streamed) pipeBody(body, request, String(request.getHeader('content-type')));
      else request.end(body);
    });
  }

  authorization() {
    return this.api.token ? { authorization: `Bearer ${this.api.token}` } : {};
  }
}

// unheard: the Hub had closed a connection that we kept, and has not acted.
function unheard(method, err) {
  return err.code === 'EPIPE' || (err.code === 'ECONNRESET' && method === 'GET');
}

// pipeBody feeds a request, as soon as the Hub wants it: what a Hub refuses is
// not sent, so that its answer is not lost in a broken connection. It leaves
// off when the connection ends.
function pipeBody(body, request, type) {
  const source = typeof body.pipe === 'function' ? body : Readable.from(body);
  const bytes = source.readableObjectMode ? Readable.from(serialized(source, type), { objectMode: false }) : source;
  request.flushHeaders();
  bytes.on('error', (err) => request.destroy(err));
  let begun = false;
  const begin = () => {
    clearTimeout(patience);
    if (begun || request.destroyed) return;
    begun = true;
    bytes.pipe(request);
  };
  const patience = setTimeout(begin, CONTINUE_WITHIN);
  request.on('continue', begin);
  request.on('response', (response) => {
    if (response.statusCode < 300) begin();
    else clearTimeout(patience);
  });
  finished(request, { readable: false }, (err) => {
    clearTimeout(patience);
    if (!err) return;
    bytes.unpipe(request);
    if (bytes !== source) bytes.destroy();
  });
}

// serialized makes bytes of a stream of values.
async function* serialized(source, type) {
  const lines = type.includes('ndjson');
  for await (const item of source) {
    if (typeof item === 'string' || item instanceof Uint8Array) yield item;
    else yield JSON.stringify(item) + (lines ? '\n' : '');
  }
}

function lower(headers = {}) {
  const entries = typeof headers.entries === 'function' ? headers.entries() : Object.entries(headers);
  return Object.fromEntries([...entries].map(([name, value]) => [name.toLowerCase(), value]));
}

function withHeaders(init, headers) {
  return { ...init, headers: { ...headers, ...lower(init && init.headers) } };
}

async function text(response, max = Infinity) {
  const parts = [];
  let length = 0;
  for await (const part of response) {
    parts.push(part);
    length += part.length;
    if (length > max) break;
  }
  return Buffer.concat(parts).toString();
}

function parse(body) {
  return body === '' ? undefined : JSON.parse(body);
}

// part is one segment of a path.
function part(name) {
  return encodeURIComponent(name);
}

module.exports = { Client, part };
