// Windows over event time. Nothing here knows of the Hub: readings in, records
// out, and a state that JSON can carry.

export interface Reading {
  at: string; // a time that Date.parse understands
  sensor: string;
  value: number;
}

export interface Summary {
  from: string;
  sensor: string;
  count: number;
  mean: number;
  min: number;
  max: number;
}

interface Window {
  from: number;
  sensor: string;
  count: number;
  sum: number;
  min: number;
  max: number;
}

export interface State {
  open: Window[];
  newest: number; // the highest time seen
  late: number; // readings whose window was over
}

export class Windows {
  constructor(
    readonly length: number,
    readonly lateness: number,
    readonly state: State = { open: [], newest: 0, late: 0 },
  ) {}

  // add takes a reading and gives the windows that are over with it.
  add({ at, sensor, value }: Reading): Summary[] {
    const time = Date.parse(at);
    if (!Number.isFinite(time) || !Number.isFinite(value)) return [];
    const from = time - (time % this.length);
    if (from + this.length <= this.state.newest - this.lateness) {
      this.state.late += 1;
      return [];
    }
    const window = this.window(from, sensor);
    window.count += 1;
    window.sum += value;
    window.min = Math.min(window.min, value);
    window.max = Math.max(window.max, value);
    this.state.newest = Math.max(this.state.newest, time);
    return this.close(this.state.newest - this.lateness);
  }

  // close takes out the windows that end at a time or before it, the oldest first.
  close(time: number): Summary[] {
    const over = this.state.open.filter((window) => window.from + this.length <= time);
    if (over.length === 0) return [];
    this.state.open = this.state.open.filter((window) => !over.includes(window));
    over.sort((a, b) => a.from - b.from || (a.sensor < b.sensor ? -1 : 1));
    return over.map(({ from, sensor, count, sum, min, max }) => (
      { from: new Date(from).toISOString(), sensor, count, mean: sum / count, min, max }));
  }

  private window(from: number, sensor: string): Window {
    let window = this.state.open.find((open) => open.from === from && open.sensor === sensor);
    if (window === undefined) {
      window = { from, sensor, count: 0, sum: 0, min: Infinity, max: -Infinity };
      this.state.open.push(window);
    }
    return window;
  }
}
