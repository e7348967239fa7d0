'use strict';
// Clients of the Hub's REST API for programs, with the methods of Scramjet's.

const { Client } = require('./client');
const { ClientError } = require('./error');
const { HostClient } = require('./host');
const { SequenceClient } = require('./sequence');
const { InstanceClient } = require('./instance');
const { SpaceClient } = require('./space');

module.exports = { Client, ClientError, HostClient, SequenceClient, InstanceClient, SpaceClient };
