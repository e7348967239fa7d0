'use strict';

const { part } = require('./client');
const { InstanceClient } = require('./instance');

// SequenceClient is one Sequence of a Hub.
class SequenceClient {
  constructor(id, host) {
    if (!id) throw new Error('SequenceClient: no id given');
    this.id = id;
    this.host = host;
    this.path = `sequence/${part(id)}`;
  }

  static from(id, host) { return new this(id, host); }

  // start resolves with a client of the new Instance. payload is {appConfig,
  // args, instanceId, inputTopic, outputTopic, limits}, all of it optional.
  async start(payload = {}) {
    const { id } = await this.host.client.post(`${this.path}/start`, payload);
    return InstanceClient.from(id, this.host);
  }

  async listInstances() { return this.host.client.get(`${this.path}/instances`); }

  async getInstance(id, host = this.host) { return InstanceClient.from(id, host); }

  async getInfo() { return this.host.client.get(this.path); }

  // overwrite uploads a new package for this Sequence.
  async overwrite(stream, init) {
    const { id } = await this.host.client.sendStream(this.path, stream, init, { parseResponse: 'json', put: true });
    return SequenceClient.from(id, this.host);
  }
}

module.exports = { SequenceClient };
