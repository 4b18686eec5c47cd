import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { AgentStatus } from '../status.js';
import { eventQuery, unknownSource } from './event-query.js';
import type { EventHub } from './events.js';
import { statusPage } from './status-page.js';

export interface AppOptions {
  readonly events: EventHub;
  readonly status: () => AgentStatus;
  /** What scraped sinks answer, by path; looked up on each request, since sinks open and close. */
  readonly routes: () => ReadonlyMap<string, (request: Request) => Promise<Response>>;
}

/** The agent's own endpoints. hono refuses new routes after its first request, so sinks' paths are a table. */
function createApp(options: AppOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD') {
      return context.text('Method not allowed: only GET and HEAD\n', 405, { allow: 'GET, HEAD' });
    }
    await next();
    return undefined;
  });
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const status = options.status();
    return context.body(`${JSON.stringify(status, null, 2)}\n`, status.ready ? 200 : 503, {
      'content-type': 'application/json',
    });
  });
  app.get('/api/v1/probes', (context) =>
    context.body(`${JSON.stringify({ probes: options.status().probes }, null, 2)}\n`, 200, {
      'content-type': 'application/json',
    }),
  );
  app.get('/events', async (context) => {
    const query = eventQuery(context.req.query());
    if (typeof query === 'string') return context.text(`${query}\n`, 400);
    const unknown = unknownSource(query, options.status().probes);
    if (unknown !== undefined) return context.text(`${unknown}\n`, 404);
    const headers = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' };
    if (context.req.method === 'HEAD') return context.body(null, 200, headers);
    if (query.follow) return new Response(options.events.follow(query), { headers });
    return new Response((await options.events.last(query)) as Uint8Array<ArrayBuffer>, { headers });
  });
  app.get('/', (context) => {
    context.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'");
    return context.html(statusPage(options.status(), [...options.routes().keys()]));
  });
  app.notFound(async (context) => {
    const route = options.routes().get(context.req.path);
    if (route) return route(context.req.raw);
    const known = ['/', '/events', '/api/v1/probes', '/healthz', '/readyz', ...options.routes().keys()];
    return context.text(`Not found. There is: ${known.join(' ')}\n`, 404);
  });
  app.onError((error, context) => context.text(`Internal error: ${error.message}\n`, 500));
  return app;
}

export function requestListener(options: AppOptions): RequestListener {
  return getRequestListener(createApp(options).fetch);
}
