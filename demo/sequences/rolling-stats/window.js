// One figure over the last so many milliseconds.

const MOST = 6000; // samples kept; of a faster stream the window gets shorter

export class Window {
  constructor(span, smoothing) {
    this.span = span;
    this.smoothing = smoothing;
    this.samples = []; // [time, value], oldest first
    this.ewma = undefined;
    this.last = undefined; // time of the newest sample
  }

  add(at, value) {
    // The smoothed value forgets with time, not with the number of samples, so
    // that it means the same whether records come often or rarely.
    const age = Math.max(at - (this.last ?? at), 0);
    this.ewma = this.ewma === undefined ? value : this.ewma + (value - this.ewma) * (1 - Math.exp(-age / this.smoothing));
    this.last = Math.max(at, this.last ?? at);
    this.samples.push([at, value]);
    this.forget(at);
  }

  forget(at) {
    const oldest = at - this.span;
    let gone = Math.max(this.samples.length - MOST, 0);
    while (gone < this.samples.length && this.samples[gone][0] <= oldest) gone += 1;
    this.samples.splice(0, gone);
  }

  // summary at a moment; count 0 and nothing else when no sample is that young.
  summary(at) {
    this.forget(at);
    const values = this.samples.map(([, value]) => value);
    if (values.length === 0) return { count: 0 };
    const sorted = [...values].sort((a, b) => a - b);
    return {
      count: values.length,
      last: values[values.length - 1],
      mean: round(values.reduce((sum, value) => sum + value, 0) / values.length),
      min: sorted[0],
      max: sorted[sorted.length - 1],
      p95: percentile(sorted, 0.95),
      ewma: round(this.ewma),
    };
  }

  state() {
    return { samples: this.samples, ewma: this.ewma, last: this.last };
  }

  restore({ samples, ewma, last }) {
    Object.assign(this, { samples, ewma, last });
  }
}

// percentile by nearest rank: a value that really occurred.
export function percentile(sorted, share) {
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)];
}

// round keeps six digits: what a mean of measured values can bear.
function round(value) {
  return Number(value.toPrecision(6));
}
