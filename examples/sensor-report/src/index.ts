// sensor-report: reads what ../sensor writes, a program in another language, and
// puts out a record for each five readings.

import type { AppContext, InputDeclaration, TopicDeclaration } from 'waverider';

const ndjson = 'application/x-ndjson';

interface Reading {
  n: number;
  celsius: number;
}

interface Report {
  from: number;
  to: number;
  mean: number;
}

type Context = AppContext<undefined, number>;

// Both Topics are declared in code, that of the input before the function, that
// of the output on what the function returns: a start need not name any.
const readings: InputDeclaration = { requires: 'sensor-readings', contentType: ndjson };

function sensorReport(this: Context, input: AsyncIterable<Reading>, every = '5'): AsyncIterable<Report> & TopicDeclaration {
  return Object.assign(reports(this, input, Number(every)), { topic: 'sensor-reports', contentType: ndjson });
}

async function* reports(context: Context, input: AsyncIterable<Reading>, every: number): AsyncGenerator<Report> {
  let newest = context.load() ?? 0;
  let batch: Reading[] = [];
  for await (const reading of input) {
    // A sensor that was killed gives some readings again, with the same numbers:
    // what is known already is passed over.
    if (reading.n <= newest) continue;
    newest = reading.n;
    batch.push(reading);
    if (batch.length === every) {
      yield summarize(batch);
      batch = [];
      // The place in the input moves with this ("ack": "save"), when no batch is
      // open: what is killed before is given the readings of its batch again.
      await context.save(newest);
    }
  }
}

function summarize(batch: Reading[]): Report {
  const numbers = batch.map(({ n }) => n);
  const sum = batch.reduce((total, { celsius }) => total + celsius, 0);
  return { from: Math.min(...numbers), to: Math.max(...numbers), mean: Number((sum / batch.length).toFixed(1)) };
}

export default [readings, sensorReport];
