import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { SinkContext } from '../sdk/index.js';
import { acceptsGzip, negotiate, TEXT } from './accept.js';
import { bumblebeeNames } from './bumblebee.js';
import { expose } from './exposition.js';

/** Scrapes at once; more get 503, so that slow readers cannot hold any amount of memory. */
const MAX_SCRAPES = 8;
/** A scrape that takes longer has a reader that stopped reading: it gives its place back. */
const MAX_SCRAPE_MS = 60_000;

export interface ScrapeOptions {
  readonly naming: 'prometheus' | 'bumblebee';
}

export function scrapeHandler(
  options: ScrapeOptions,
  context: Pick<SinkContext, 'collect' | 'telemetry'>,
): (request: Request) => Promise<Response> {
  let running = 0;
  const scrapes = context.telemetry.counter('scrapes_total', 'Scrapes answered.');
  const bumblebee = options.naming === 'bumblebee';
  return async (request) => {
    // OpenMetrics would add _total to names that are to stay as they are.
    const format = bumblebee ? TEXT : negotiate(request.headers.get('accept'));
    const gzip = acceptsGzip(request.headers.get('accept-encoding'));
    const headers: Record<string, string> = {
      'content-type': format.contentType,
      'cache-control': 'no-store',
      vary: 'accept, accept-encoding',
      ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    };
    if (request.method === 'HEAD') return new Response(null, { headers });
    if (running >= MAX_SCRAPES)
      return new Response('Too many scrapes at once\n', { status: 503, headers: { 'retry-after': '1' } });
    running++;
    try {
      const { families } = await context.collect();
      const text = Readable.from(expose(bumblebee ? bumblebeeNames(families) : families, format.kind), {
        objectMode: false,
        highWaterMark: 256 * 1024,
      });
      const timeout = setTimeout(() => text.destroy(new Error('the scrape took too long')), MAX_SCRAPE_MS);
      timeout.unref();
      text.once('close', () => {
        running--;
        clearTimeout(timeout);
      });
      scrapes.add(1);
      const body = gzip ? pipeline(text, createGzip({ level: 1, chunkSize: 128 * 1024 }), () => {}) : text;
      return new Response(Readable.toWeb(body) as ReadableStream, { headers });
    } catch (error) {
      running--;
      throw error;
    }
  };
}
