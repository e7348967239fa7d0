// Statistics over records. Nothing here knows of the Hub: records in,
// summaries out, and a state that can be saved as JSON.

import { Window } from './window.js';

const STATE_VERSION = 1;

export class Stats {
  constructor(settings) {
    this.settings = settings;
    this.windows = new Map(); // JSON Pointer → Window
  }

  // add takes a record and gives the summary that follows from it.
  add(record) {
    const at = timeOf(record, this.settings.time);
    for (const [figure, value] of this.numbersOf(record)) {
      if (!this.windows.has(figure)) this.windows.set(figure, this.newWindow());
      this.windows.get(figure).add(at, value);
    }
    const of = {};
    for (const pointer of this.settings.carry) of[pointer] = valueAt(record, pointer);
    const figures = {};
    for (const [figure, window] of this.windows) figures[figure] = window.summary(at);
    return { at, windowSeconds: this.settings.windowSeconds, of, figures };
  }

  newWindow() {
    return new Window(this.settings.windowSeconds * 1000, this.settings.smoothingSeconds * 1000);
  }

  numbersOf(record) {
    if (this.settings.figures === undefined) {
      return leaves(record, '').filter(([pointer]) => pointer !== this.settings.time);
    }
    return this.settings.figures
      .map((pointer) => [pointer, valueAt(record, pointer)])
      .filter(([, value]) => Number.isFinite(value));
  }

  state() {
    return {
      version: STATE_VERSION,
      windows: Object.fromEntries([...this.windows].map(([figure, window]) => [figure, window.state()])),
    };
  }

  // restore takes what state gave; false when there was none it understands.
  restore(state) {
    if (state?.version !== STATE_VERSION) return false;
    for (const [figure, saved] of Object.entries(state.windows)) {
      const window = this.newWindow();
      window.restore(saved);
      this.windows.set(figure, window);
    }
    return true;
  }
}

function timeOf(record, pointer) {
  const value = valueAt(record, pointer);
  const at = typeof value === 'string' ? Date.parse(value) : value;
  return Number.isFinite(at) ? at : Date.now();
}

// valueAt is what a JSON Pointer (RFC 6901) names in a record.
export function valueAt(record, pointer) {
  const keys = pointer.slice(1).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce((value, key) => (Object.hasOwn(Object(value), key) ? value[key] : undefined), record);
}

// leaves are all numbers of a record with their JSON Pointers.
function leaves(value, pointer) {
  if (Number.isFinite(value) && pointer !== '') return [[pointer, value]];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => (
    leaves(item, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)));
}
