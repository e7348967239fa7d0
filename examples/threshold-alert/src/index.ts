// threshold-alert: readings in; a record out when a sensor's value goes above a
// limit, and another when it has come down below a lower one. Between the two
// limits nothing changes, so that a value that trembles around one of them does
// not make an alert each time.

import type { AppContext } from 'waverider';

const SAVE_EVERY = 1000; // readings

interface Config {
  above: number;
  below: number;
}

interface Reading {
  sensor: string;
  value: number;
}

interface Alert {
  sensor: string;
  alert: 'raised' | 'cleared';
  value: number;
}

export default async function* thresholdAlert(
  this: AppContext<Config, string[]>, input: AsyncIterable<Reading>,
): AsyncGenerator<Alert> {
  const { above, below } = this.config;
  if (!(below <= above)) throw new TypeError('config: want numbers above and below, below not over above');
  const high = new Set(this.load()); // sensors whose alert is raised

  let unsaved = 0;
  for await (const { sensor, value } of input) {
    const change = judge(high.has(sensor), value, above, below);
    if (change === 'raised') high.add(sensor);
    if (change === 'cleared') high.delete(sensor);
    if (change !== undefined) yield { sensor, alert: change, value };

    // Who is high and the place in the input are saved in one write ("ack":
    // "save"): no kill makes an alert come twice, or not at all.
    unsaved += 1;
    if (change !== undefined || unsaved === SAVE_EVERY) {
      await this.save([...high]);
      unsaved = 0;
    }
  }
  await this.save([...high]);
}

function judge(high: boolean, value: number, above: number, below: number): Alert['alert'] | undefined {
  if (!high && value > above) return 'raised';
  if (high && value < below) return 'cleared';
  return undefined;
}
