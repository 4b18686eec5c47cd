import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { defineSink } from 'bee-agent';
import { z } from 'zod';

const compress = promisify(gzip);

/** Statuses that pass by themselves: the same request may be taken a moment later. */
const TRY_AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Posts events to an HTTP endpoint: one request a batch, newline-delimited JSON. */
export default defineSink({
  apiVersion: 1,
  type: 'webhook',
  accepts: { events: ['ndjson'], metrics: false },
  options: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    /** Sent as `authorization: Bearer …`. */
    token: z.string().min(1).optional(),
    headers: z.record(z.string(), z.string()).default({}),
    gzip: z.boolean().default(false),
  }),

  open(options, { telemetry }) {
    const sent = telemetry.counter('sent_bytes_total', 'Bytes of request bodies that were accepted.');
    const headers = {
      'content-type': 'application/x-ndjson',
      ...(options.gzip ? { 'content-encoding': 'gzip' } : {}),
      ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
      ...options.headers,
    };
    let closed = false;

    return {
      async write(batch, { signal }) {
        if (closed) return { status: 'closed' };
        const body = options.gzip ? await compress(batch.ndjson) : batch.ndjson;
        let response;
        try {
          response = await fetch(options.url, {
            method: 'POST',
            // The same batch has the same key, so that an endpoint which knows keys can tell a repetition.
            headers: { ...headers, 'idempotency-key': digest(batch.ndjson), 'x-events': String(batch.count) },
            body,
            signal,
            redirect: 'manual',
          });
        } catch (error) {
          // Nobody answered: refused, reset, timed out. The cause is what is worth reading.
          return { status: 'retry', error: String(error.cause?.message ?? error.message) };
        }
        if (response.ok) {
          await response.body?.cancel();
          sent.add(body.byteLength);
          return { status: 'ok' };
        }
        const error = `HTTP ${response.status} ${await firstLine(response)}`.trim();
        if (!TRY_AGAIN.has(response.status)) return { status: 'drop', error };
        const after = retryAfter(response);
        return after === undefined ? { status: 'retry', error } : { status: 'retry', after, error };
      },

      close() {
        closed = true;
      },
    };
  },
});

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What the endpoint says is wrong, as far as it fits into a line of the log. */
async function firstLine(response) {
  try {
    return (await response.text()).trim().split('\n', 1)[0].slice(0, 200);
  } catch {
    return '';
  }
}

/** `Retry-After` in ms: seconds, or a date. */
function retryAfter(response) {
  const value = response.headers.get('retry-after');
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
