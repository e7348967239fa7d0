// Statistics over records. Nothing here knows of the Hub: records in,
// summaries out, and a state that can be saved as JSON.

import { Window } from './window.js';

const STATE_VERSION = 1;

export class Stats {
  constructor(settings) {
    this.settings = settings;
    this.windows = new Map(); // JSON Pointer → Window
    this.raised = new Map(); // JSON Pointer → time since when
  }

  // add takes a record: {summary, changed}. changed are the alerts that were
  // raised or cleared by it.
  add(record) {
    const at = timeOf(record, this.settings.time);
    for (const [figure, value] of this.numbersOf(record)) {
      if (!this.windows.has(figure)) this.windows.set(figure, this.newWindow());
      this.windows.get(figure).add(at, value);
    }
    const changed = this.judge(at);
    const figures = {};
    for (const [figure, window] of this.windows) figures[figure] = window.summary(at);
    const alerts = [...this.raised].map(([figure, since]) => ({ figure, since }));
    return { summary: { at, windowSeconds: this.settings.windowSeconds, figures, alerts }, changed };
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

  // judge raises and clears alerts. It looks at the smoothed value, and needs
  // it lower to clear than to raise: a value that trembles around one limit
  // would ring again and again.
  judge(at) {
    const changed = [];
    for (const [figure, { above, below }] of Object.entries(this.settings.alerts)) {
      const ewma = this.windows.get(figure)?.ewma;
      if (ewma === undefined) continue;
      const was = this.raised.has(figure);
      const is = was ? ewma >= below : ewma > above;
      if (is === was) continue;
      if (is) this.raised.set(figure, at);
      else this.raised.delete(figure);
      changed.push({ figure, raised: is, at, ewma, above, below });
    }
    return changed;
  }

  state() {
    return {
      version: STATE_VERSION,
      windows: Object.fromEntries([...this.windows].map(([figure, window]) => [figure, window.state()])),
      raised: Object.fromEntries(this.raised),
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
    // An alert that is no longer configured could never be cleared.
    this.raised = new Map(Object.entries(state.raised).filter(([figure]) => figure in this.settings.alerts));
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
