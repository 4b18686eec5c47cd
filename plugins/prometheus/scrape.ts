import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { SinkContext } from '../sdk/index.js';
import { acceptsGzip, CONTENT_TYPES, negotiate } from './accept.js';
import { bumblebeeNames } from './bumblebee.js';
import { expose } from './exposition.js';
import type { PrometheusOptions } from './index.js';

/** Scrapes at once; more get 503, so that slow readers cannot hold any amount of memory. */
const MAX_SCRAPES = 8;

export function scrapeHandler(
  options: PrometheusOptions,
  context: SinkContext,
): (request: Request) => Promise<Response> {
  let running = 0;
  const scrapes = context.telemetry.counter('scrapes_total', 'Scrapes answered.');
  return async (request) => {
    if (running >= MAX_SCRAPES)
      return new Response('Too many scrapes at once\n', { status: 503, headers: { 'retry-after': '1' } });
    running++;
    let over = false;
    const finish = (): void => {
      if (!over) running--;
      over = true;
    };
    try {
      scrapes.add(1);
      const bumblebee = options.naming === 'bumblebee';
      const format = bumblebee ? 'text' : negotiate(request.headers.get('accept'));
      const gzip = acceptsGzip(request.headers.get('accept-encoding'));
      const headers: Record<string, string> = {
        'content-type': CONTENT_TYPES[format],
        vary: 'accept, accept-encoding',
      };
      if (gzip) headers['content-encoding'] = 'gzip';
      if (request.method === 'HEAD') {
        finish();
        return new Response(null, { headers });
      }
      const collected = await context.collect();
      const text = Readable.from(expose(bumblebee ? bumblebeeNames(collected) : collected, format));
      text.once('close', finish);
      const body = gzip ? text.pipe(createGzip({ level: 1 })).once('close', () => text.destroy()) : text;
      return new Response(Readable.toWeb(body) as ReadableStream, { headers });
    } catch (error) {
      finish();
      throw error;
    }
  };
}
