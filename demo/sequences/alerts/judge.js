// What is an alert. Nothing here knows of the Hub: summaries in, alerts out,
// and a state that can be saved as JSON.

const STATE_VERSION = 1;

// readRules checks the configuration: {rules: {figure: {above, below, overMean}}}.
export function readRules(config = {}) {
  for (const key of Object.keys(config)) {
    if (key !== 'rules') throw new TypeError(`config.${key} is unknown; known is rules`);
  }
  const rules = {};
  for (const [figure, { above, below = above, overMean = false }] of Object.entries(config.rules ?? {})) {
    if (typeof above !== 'number' || typeof below !== 'number' || below > above) {
      throw new TypeError(`config.rules["${figure}"] needs numbers "above" and, not over it, "below"`);
    }
    rules[figure] = { above, below, overMean };
  }
  return rules;
}

export class Judge {
  constructor(rules) {
    this.rules = rules;
    this.raised = new Map(); // figure → time since when
    this.count = 0; // alerts so far
  }

  // take gives the alerts that a summary raises or clears. It looks at the
  // smoothed value, and needs it lower to clear than to raise: a value that
  // trembles around one limit would ring again and again.
  take(summary) {
    const alerts = [];
    for (const [figure, { above, below, overMean }] of Object.entries(this.rules)) {
      const { ewma: value, mean } = summary?.figures?.[figure] ?? {};
      if (value === undefined) continue;
      const was = this.raised.has(figure);
      const limit = round((was ? below : above) + (overMean ? mean : 0));
      const raised = was ? value >= limit : value > limit;
      if (raised === was) continue;
      if (raised) this.raised.set(figure, summary.at);
      else this.raised.delete(figure);
      this.count += 1;
      alerts.push({ n: this.count, at: summary.at, figure, raised, value, mean, limit });
    }
    return alerts;
  }

  state() {
    return { version: STATE_VERSION, count: this.count, raised: Object.fromEntries(this.raised) };
  }

  // restore takes what state gave; false when there was none it understands.
  restore(state) {
    if (state?.version !== STATE_VERSION) return false;
    this.count = state.count;
    // An alert without a rule could never be cleared.
    this.raised = new Map(Object.entries(state.raised).filter(([figure]) => figure in this.rules));
    return true;
  }
}

// round keeps six digits, as rolling-stats does.
function round(value) {
  return Number(value.toPrecision(6));
}
