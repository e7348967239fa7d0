'use strict';

const { ClientError } = require('./error');

const METHODS = ('getHosts getVersion getLoad sendNamedData getNamedData sendTopic getTopic getLogStream getAuditStream ' +
  'getConfig getAllSequences getSequences getInstances getTopics getStoreItems putStoreItem deleteStoreItem clearStore ' +
  'disconnectHubs deleteHub').split(' ');

// SpaceClient is the Space a Hub belongs to. This Hub belongs to none: every
// call says so.
class SpaceClient {
  constructor(client) {
    this.client = client;
    this.apiBase = client.apiBase;
  }

  getHostClient(id) {
    throw noSpace(`getHostClient ${id}`);
  }
}

for (const method of METHODS) {
  SpaceClient.prototype[method] = async () => {
    throw noSpace(method);
  };
}

function noSpace(method) {
  return new ClientError(method, { status: 404, body: 'this Hub is not connected to a Space' });
}

module.exports = { SpaceClient };
