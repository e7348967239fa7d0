'use strict';

module.exports = function tell(_input, ...args) {
  return [{ args, config: this.config === undefined ? null : this.config, instanceId: this.instanceId }];
};
