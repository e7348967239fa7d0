// webhook: sends each record of its input to a URL, and again until it is taken.
// What the receiver refuses for good is put out.

import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const LONGEST = 60_000; // ms between two attempts

export default async function* webhook(input) {
  const { url, pauseMs = 500, token } = this.config;
  // Records come one by one, and one counts as done when the next is asked for:
  // a program that is killed in between is given it again.
  for await (const record of input) {
    const answer = await deliver(url, record, { pauseMs, token, log: this.logger });
    if (answer.refused) yield { status: answer.status, reason: answer.reason, record };
  }
}

// deliver returns when the receiver has taken a record or does not want it.
async function deliver(url, record, { pauseMs, token, log }) {
  const body = JSON.stringify(record);
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': keyOf(record, body) };
  if (token) headers.Authorization = `Bearer ${token}`;
  for (let attempt = 1; ; attempt += 1) {
    const { status, reason, after } = await post(url, headers, body);
    if (status >= 200 && status < 300) return { status };
    if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) return { refused: true, status, reason };
    // Anything else may get better. Twice as long each time, and a little by
    // chance, so that many senders do not come back all at once.
    const wait = after ?? Math.min(pauseMs * 2 ** (attempt - 1), LONGEST) * (0.8 + 0.4 * Math.random());
    log.warn(`attempt ${attempt}: ${reason}; again in ${Math.round(wait)} ms`);
    await pause(wait);
  }
}

async function post(url, headers, body) {
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(30_000) });
    const reason = `${response.status} ${(await response.text()).slice(0, 200).trim()}`;
    const seconds = Number(response.headers.get('retry-after'));
    return { status: response.status, reason, after: seconds > 0 ? Math.min(seconds * 1000, LONGEST) : undefined };
  } catch (err) {
    return { status: 0, reason: err.cause?.message ?? err.message };
  }
}

// keyOf is the same whenever the same record is sent, so that a receiver can
// tell one that comes again from a new one.
function keyOf(record, body) {
  return String(record?.id ?? createHash('sha256').update(body).digest('hex'));
}
