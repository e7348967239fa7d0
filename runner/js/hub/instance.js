'use strict';

const { part } = require('./client');

const EVENT = 5001;

// InstanceClient is one Instance of a Hub.
class InstanceClient {
  constructor(id, host) {
    if (!id) throw new Error('InstanceClient: no id given');
    this.id = id;
    this.host = host;
    this.path = `instance/${part(id)}`;
  }

  static from(id, host) { return new this(id, host); }

  get client() { return this.host.client; }

  async stop(timeout, canCallKeepalive) {
    return this.client.post(`${this.path}/_stop`, { timeout, canCallKeepalive });
  }

  async kill({ removeImmediately = false } = {}) {
    return this.client.post(`${this.path}/_kill`, { removeImmediately });
  }

  async sendEvent(eventName, message) {
    return this.client.post(`${this.path}/_event`, [EVENT, { eventName, message }]);
  }

  // getNextEvent waits for the next event of a name; getEvent gives the last
  // one at once, if there was one.
  async getNextEvent(name) { return this.client.get(`${this.path}/once/${part(name)}`); }

  async getEvent(name) { return this.client.get(`${this.path}/event/${part(name)}`); }

  async getEventStream(name, init) { return this.client.getStream(`${this.path}/events/${part(name)}`, init); }

  async getHealth() { return this.client.get(`${this.path}/health`); }

  async getInfo() { return this.client.get(this.path); }

  // getStream takes 'stdout', 'stderr', 'output' or 'log'.
  async getStream(name, init) { return this.client.getStream(`${this.path}/${part(name)}`, init); }

  async getLogStream(init) { return this.getStream('log', init); }

  // sendStream takes 'stdin' or 'input'; options are {type, end}.
  async sendStream(name, stream, init, options) {
    return this.client.sendStream(`${this.path}/${part(name)}`, stream, init, options);
  }

  async sendInput(stream, init, options) { return this.sendStream('input', stream, init, options); }

  async sendStdin(stream, init) { return this.sendStream('stdin', stream, init); }

  // inout sends input and resolves with the output, a Readable.
  async inout(stream, init, options) { return this.client.sendStream(`${this.path}/inout`, stream, init, options); }
}

module.exports = { InstanceClient };
