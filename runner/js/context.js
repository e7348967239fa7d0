'use strict';
// AppContext: what a program has as `this`.

const { EventEmitter } = require('events');

function mustBeFunction(handler, method) {
  if (typeof handler !== 'function') throw new TypeError(`${method}: the handler must be a function`);
}

class AppContext {
  // runner does what needs the Hub: emit, keepAlive, end, save.
  constructor(start, logger, runner) {
    this.config = start.config;
    this.instanceId = start.instance;
    this.initialState = start.state;
    this.logger = logger;
    this.exitTimeout = start.exitTimeout === undefined ? 10000 : start.exitTimeout;
    this.emitter = new EventEmitter();
    this.definition = undefined;
    hidden(this, '_runner', runner);
    hidden(this, '_start', start);
    hidden(this, '_state', start.state === undefined ? undefined : JSON.stringify(start.state));
    hidden(this, '_stopHandlers', []);
    hidden(this, '_killHandlers', []);
    hidden(this, '_monitoringHandlers', []);
  }

  // hub is a client of the Hub this Instance runs on.
  get hub() {
    const { HostClient, Client } = require('./hub');
    if (!this._start.api) throw new Error('this Instance was given no access to its Hub');
    const hub = new HostClient(new Client(this._start.api));
    Object.defineProperty(this, 'hub', { value: hub, enumerable: true, configurable: true });
    return hub;
  }

  // space is a client of the Space the Hub belongs to.
  get space() {
    return this.hub.getManagerClient();
  }

  on(event, handler) {
    mustBeFunction(handler, 'on');
    this.emitter.on(event, handler);
    return this;
  }

  // emit tells the Hub's other Instances and API users, not this program.
  emit(event, message) {
    this._runner.emit(event, message);
    return this;
  }

  addStopHandler(handler) {
    mustBeFunction(handler, 'addStopHandler');
    this._stopHandlers.push(handler);
    return this;
  }

  addKillHandler(handler) {
    mustBeFunction(handler, 'addKillHandler');
    this._killHandlers.push(handler);
    return this;
  }

  addMonitoringHandler(handler) {
    mustBeFunction(handler, 'addMonitoringHandler');
    this._monitoringHandlers.push(handler);
    return this;
  }

  // keepAlive asks for ms milliseconds more after a stop.
  keepAlive(ms = 0) {
    this._runner.keepAlive(ms);
    return this;
  }

  // end tells that this program is done, destroy that it is broken.
  end() {
    this._runner.end();
    return this;
  }

  destroy(error) {
    this._runner.end(error || new Error('destroyed by the program'));
    return this;
  }

  describe(definition) {
    this.definition = definition;
    return this;
  }

  // save resolves once the state is kept durably; load gives what was saved last.
  async save(state) {
    const text = JSON.stringify(state);
    if (text === undefined) throw new TypeError('save: the state must be a JSON value');
    await this._runner.save(JSON.parse(text));
    this._state = text;
  }

  load() {
    return this._state === undefined ? undefined : JSON.parse(this._state);
  }

  hasStopHandler() {
    return this._stopHandlers.length > 0;
  }

  // stopHandler runs the stop handlers one after the other, all of them, and
  // throws the first error at the end.
  async stopHandler(timeout, canCallKeepalive) {
    let failure = null;
    for (const handler of this._stopHandlers) {
      try {
        await handler.call(this, timeout, canCallKeepalive);
      } catch (err) {
        this.logger.error('a stop handler failed', err);
        failure = failure || err;
      }
    }
    if (failure !== null) throw failure;
  }

  killHandler() {
    for (const handler of this._killHandlers) {
      try {
        handler.call(this);
      } catch (err) {
        this.logger.error('a kill handler failed', err);
      }
    }
  }

  // monitor is healthy when every handler says so.
  async monitor() {
    let healthy = true;
    for (const handler of this._monitoringHandlers) {
      try {
        const answer = await handler.call(this, { healthy });
        healthy = healthy && Boolean(answer && answer.healthy);
      } catch (err) {
        this.logger.error('a monitoring handler failed', err);
        healthy = false;
      }
    }
    return { healthy };
  }
}

function hidden(object, name, value) {
  Object.defineProperty(object, name, { value, writable: true, enumerable: false });
}

module.exports = { AppContext };
