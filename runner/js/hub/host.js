'use strict';

const { part } = require('./client');
const { SequenceClient } = require('./sequence');
const { InstanceClient } = require('./instance');
const { SpaceClient } = require('./space');

const LINES = 'application/x-ndjson';

// HostClient is a Hub. `init` everywhere is {headers, signal}.
class HostClient {
  constructor(client) {
    this.client = client;
    this.apiBase = client.apiBase;
  }

  async listSequences() { return this.client.get('sequences'); }

  async listInstances() { return this.client.get('instances'); }

  async listEntities() { return this.client.get('entities'); }

  // getSequenceId resolves with the ids of all Sequences of that name.
  async getSequenceId(name) {
    const sequences = await this.listSequences();
    return sequences.filter((s) => s.name === name || (s.config && s.config.name === name)).map((s) => s.id);
  }

  async getLogStream(init) { return this.client.getStream('log', init); }

  async getAuditStream(init) { return this.client.getStream('audit', init); }

  // sendSequence uploads a package, a tar.gz.
  async sendSequence(stream, init) {
    const { id } = await this.client.sendStream('sequence', stream, init, { parseResponse: 'json' });
    return SequenceClient.from(id, this);
  }

  async getSequence(id) { return this.client.get(`sequence/${part(id)}`); }

  // deleteSequence with force ends the Sequence's Instances first.
  async deleteSequence(id, { force = false } = {}) {
    return this.client.delete(`sequence/${part(id)}`, force ? { headers: { 'x-seq-kill-inst': 'true' } } : undefined);
  }

  async getInstanceInfo(id) { return this.client.get(`instance/${part(id)}`); }

  async getLoadCheck() { return this.client.get('load-check'); }

  async getVersion() { return this.client.get('version'); }

  async getStatus() { return this.client.get('status'); }

  async getConfig() { return this.client.get('config'); }

  async sendTopic(topic, stream, init, contentType = LINES, end = undefined) {
    return this.client.sendStream(`topic/${part(topic)}`, stream, init, { type: contentType, end });
  }

  async sendNamedData(topic, stream, init, contentType = LINES, end = undefined) {
    return this.sendTopic(topic, stream, init, contentType, end);
  }

  async getTopic(topic, init, contentType = LINES) {
    return this.client.getStream(`topic/${part(topic)}`, init, contentType);
  }

  async getNamedData(topic, init, contentType = LINES) { return this.getTopic(topic, init, contentType); }

  async createTopic(id, contentType) {
    return this.client.post('topics', { id, 'content-type': contentType });
  }

  async deleteTopic(id) { return this.client.delete(`topics/${part(id)}`); }

  async getTopics() { return this.client.get('topics'); }

  getInstanceClient(id) { return InstanceClient.from(id, this); }

  getSequenceClient(id) { return SequenceClient.from(id, this); }

  getManagerClient(apiBase = '/api/v1') {
    return new SpaceClient(this.client.below(`/cpm${apiBase}`));
  }
}

module.exports = { HostClient };
