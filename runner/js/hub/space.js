'use strict';

const { part } = require('./client');

const LINES = 'application/x-ndjson';
const BYTES = 'application/octet-stream';

// SpaceClient is the Space a Hub belongs to, called by way of the Hub. What a
// Space does not give to its Hubs is refused; a Hub without one answers 404, and
// one that is cut off 503.
class SpaceClient {
  constructor(client) {
    this.client = client;
    this.apiBase = client.apiBase;
  }

  // getHostClient is a client of another Hub of the Space.
  getHostClient(id, apiBase = '/api/v1') {
    const { HostClient } = require('./host');
    return new HostClient(this.client.below(`/cpm/api/v1/sth/${part(id)}${apiBase}`));
  }

  async getHosts() { return this.client.get('list'); }

  async getVersion() { return this.client.get('version'); }

  async getLoad() { return this.client.get('load'); }

  async getConfig() { return this.client.get('config'); }

  async getAllSequences() { return this.client.get('all_sequences'); }

  async getSequences() { return this.client.get('sequences'); }

  async getInstances() { return this.client.get('instances'); }

  async getTopics() { return this.client.get('topics'); }

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

  async getLogStream(init) { return this.client.getStream('log', init); }

  async getAuditStream(init) { return this.client.getStream('audit', init); }

  async getStoreItems() { return this.client.get('store'); }

  async putStoreItem(stream, id = '') {
    return this.client.sendStream(`store/${part(id)}`, stream, {}, { type: BYTES, put: true, parseResponse: 'json' });
  }

  async deleteStoreItem(id) { return this.client.delete(`store/${part(id)}`); }

  async clearStore() { return this.client.delete('store'); }

  async disconnectHubs(opts) { return this.client.post('disconnect', opts); }

  async deleteHub(id, force = false) {
    return this.client.delete(`sth/${part(id)}`, force ? { headers: { 'x-force': 'true' } } : undefined);
  }
}

module.exports = { SpaceClient };
