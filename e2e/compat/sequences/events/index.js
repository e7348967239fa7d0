'use strict';
const { PassThrough } = require('stream');

module.exports = function events() {
  this.on('ping', (message) => this.emit('pong', message));
  this.on('shout', () => this.emit('greeting', { from: this.instanceId }));
  this.on('greeting', (message) => this.emit('heard', message));
  this.on('quiet', () => this.emit('silence'));
  this.emit('ready', true);
  return new PassThrough();
};
