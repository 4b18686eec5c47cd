import { defineSink, type Sink, type WriteResult } from 'bee-agent';
import { z } from 'zod';

/** Statuses that pass by themselves: the same request may be taken a moment later. */
const TRY_AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

export default defineSink({
  apiVersion: 1,
  type: '__NAME__',
  // Lines of JSON are the cheapest form. Others: 'rows' (objects), 'columns' (typed arrays).
  accepts: { events: ['ndjson'], metrics: false },
  // What a user may write beside `type` in probes.yaml.
  options: z.strictObject({ url: z.url({ protocol: /^https?$/ }) }),

  open({ url }, context): Sink {
    const sent = context.telemetry.counter('sent_bytes_total', 'Bytes that the destination has taken.');
    let closed = false;

    return {
      /** Never throw for what you expect: say what is to become of the batch. */
      async write(batch, { signal }): Promise<WriteResult> {
        if (closed) return { status: 'closed' };
        let response: Response;
        try {
          response = await fetch(url, {
            method: 'POST',
            headers: { 'content-type': 'application/x-ndjson' },
            body: batch.ndjson as Uint8Array<ArrayBuffer>,
            // Aborted when the attempt's time is up: pass it on to whatever you wait for.
            signal,
          });
        } catch (error) {
          const { message, cause } = error as Error;
          return { status: 'retry', error: cause instanceof Error ? cause.message : message };
        }
        await response.body?.cancel();
        if (response.ok) {
          sent.add(batch.ndjson.byteLength);
          return { status: 'ok' };
        }
        const error = `HTTP ${response.status}`;
        return TRY_AGAIN.has(response.status) ? { status: 'retry', error } : { status: 'drop', error };
      },

      /** Release everything: connections, timers, files. */
      close() {
        closed = true;
      },
    };
  },
});
