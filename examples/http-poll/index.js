// http-poll: asks for a JSON object again and again and puts out what has
// changed in it since, one record for each key.

import { setTimeout as pause } from 'node:timers/promises';
import { changes } from './changes.js';

const PATIENCE = 5000; // ms for one request; less than a stop waits for the program's end

export default async function* httpPoll(_input, url, seconds = '10') {
  // A stop ends the pause, so that the program need not be killed.
  const stopped = new AbortController();
  this.addStopHandler(() => stopped.abort());

  // What was seen last outlives the program: after a restart only what has
  // changed in the meantime is put out.
  let seen = this.load() ?? { document: {} };
  while (!stopped.signal.aborted) {
    try {
      const now = await poll(url, seen);
      if (now !== undefined) {
        for (const change of changes(seen.document, now.document)) yield change;
        seen = now;
        await this.save(seen); // returns when all that was yielded is stored, too
      }
    } catch (err) {
      // A server that is away for a while is no reason to end.
      this.logger.warn(`${url}: ${err.message}`);
    }
    await pause(Number(seconds) * 1000, undefined, { signal: stopped.signal }).catch(() => {});
  }
}

// poll gives the document with the marks its server wants to see next time, and
// undefined when nothing has changed.
async function poll(url, { etag, modified }) {
  const headers = {};
  if (etag) headers['If-None-Match'] = etag;
  if (modified) headers['If-Modified-Since'] = modified;
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE) });
  if (response.status === 304) return undefined;
  const text = await response.text();
  if (!response.ok) throw new Error(`status ${response.status}`);
  return {
    etag: response.headers.get('etag'),
    modified: response.headers.get('last-modified'),
    document: JSON.parse(text),
  };
}
