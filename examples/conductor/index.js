// conductor: for each record it starts an Instance of another Sequence, feeds it
// with the record's text, takes its result, and removes it.

export default async function* conductor(input, worker = 'text-stats', most = '2') {
  // this.hub is a client of the Hub the program runs on.
  const ids = await this.hub.getSequenceId(worker);
  if (ids.length === 0) throw new Error(`there is no Sequence ${worker}: send it first`);
  const sequence = this.hub.getSequenceClient(ids.at(-1));

  // Several work at a time; results are put out in the order of the records.
  const results = [];
  const stopped = new AbortController();
  this.addStopHandler(async () => {
    stopped.abort();
    await Promise.all(results); // until all workers are removed
  });
  for await (const record of input) {
    if (stopped.signal.aborted) break;
    results.push(work(sequence, record, stopped.signal));
    if (results.length === Number(most)) {
      yield await results[0];
      results.shift();
    }
  }
  while (results.length > 0) {
    yield await results[0];
    results.shift();
  }
}

// work never fails: a worker that does is a result, too, and ends no others.
async function work(sequence, { name, text }, signal) {
  let instance;
  try {
    instance = await sequence.start({ limits: { memory: 128 } });
    // inout feeds the input and reads the output, both at the same time. `end`: the
    // input ends with the text.
    const output = await instance.inout([text], { signal }, { type: 'text/plain', end: true });
    const parts = [];
    for await (const part of output) parts.push(part);
    return { name, ...JSON.parse(Buffer.concat(parts)) };
  } catch (err) {
    return { name, error: err.message };
  } finally {
    await instance?.kill({ removeImmediately: true }).catch(() => {}); // if it has not gone by itself
  }
}
