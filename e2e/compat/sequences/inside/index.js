'use strict';

const { Readable } = require('node:stream');

// begin is how a stream begins, which is left then.
async function begin(stream, length) {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    if (text.length >= length) break;
  }
  return text;
}

// report calls this.hub's methods with the Sequence and the Instance named.
module.exports = async function* inside(_input, sequenceId) {
  const { hub } = this;
  yield { call: 'getVersion', value: await hub.getVersion() };
  yield { call: 'getStatus', value: await hub.getStatus() };
  yield { call: 'getLoadCheck', value: Object.keys(await hub.getLoadCheck()) };
  yield { call: 'getConfig', value: typeof await hub.getConfig() };
  yield { call: 'listSequences', value: (await hub.listSequences()).some((s) => s.id === sequenceId) };
  yield { call: 'listInstances', value: (await hub.listInstances()).some((i) => i.id === this.instanceId) };
  yield { call: 'listEntities', value: Object.keys(await hub.listEntities()) };
  yield { call: 'getSequence', value: (await hub.getSequence(sequenceId)).id };
  yield { call: 'getInstanceInfo', value: (await hub.getInstanceInfo(this.instanceId)).status };

  const sequence = hub.getSequenceClient(sequenceId);
  yield { call: 'sequence.getInfo', value: (await sequence.getInfo()).config.name };
  const instance = await sequence.start({});
  yield { call: 'sequence.start', value: instance.id };
  yield { call: 'sequence.listInstances', value: (await sequence.listInstances()).includes(instance.id) };
  yield { call: 'instance.getInfo', value: (await instance.getInfo()).sequence.id };
  yield { call: 'instance.getHealth', value: (await instance.getHealth()).healthy };
  await instance.sendInput(['one', 'two'], {}, { type: 'text/plain', end: true });
  let output = '';
  for await (const chunk of await instance.getStream('output')) output += chunk;
  yield { call: 'instance.output', value: output };
  yield { call: 'instance.kill', value: typeof (await instance.kill({ removeImmediately: true })).id };
  const topic = `inside.${this.instanceId}`;
  yield { call: 'createTopic', value: (await hub.createTopic(topic, 'application/x-ndjson')).id === topic };
  yield { call: 'getTopics', value: (await hub.getTopics()).some((t) => t.topicName === topic) };
  await hub.sendTopic(topic, Readable.from([{ n: 1 }, { n: 2 }]));
  await hub.sendNamedData(topic, '{"n":3}\n');
  yield { call: 'getTopic', value: await begin(await hub.getTopic(topic), 24) };
  const live = await hub.getNamedData(topic);
  await hub.sendNamedData(topic, '{"n":4}\n');
  yield { call: 'getNamedData', value: await begin(live, 8) };
  yield { call: 'deleteTopic', value: (await hub.deleteTopic(topic)).message === `Topic ${topic} removed` };
  const gone = await hub.deleteTopic(topic).catch((err) => err);
  yield { call: 'topicError', value: { code: gone.code, status: gone.status } };

  const error = await hub.getSequence('no-such-sequence').catch((err) => err);
  yield { call: 'error', value: { code: error.code, status: error.status } };
};
