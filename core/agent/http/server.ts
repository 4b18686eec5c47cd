import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import type { ListenAddress } from '../../../config/index.js';
import { AgentError } from '../error.js';
import type { AgentStatus } from '../status.js';
import { eventQuery, unknownSource } from './event-query.js';
import type { EventHub } from './events.js';
import { statusPage } from './status-page.js';

export interface ServerOptions {
  readonly listen: ListenAddress;
  readonly events: EventHub;
  readonly status: () => AgentStatus;
  /** What scraped sinks answer, by path; looked up on each request, since sinks open and close. */
  readonly routes: () => ReadonlyMap<string, (request: Request) => Promise<Response>>;
}

export interface AgentServer {
  /** `http://127.0.0.1:9091` or `unix:/run/bee-agent.sock`. */
  readonly url: string;
  close(): Promise<void>;
}

/** The agent's own endpoints. hono refuses new routes after its first request, so sinks' paths are a table. */
export function createApp(options: ServerOptions): Hono {
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

/** Listen, or fail with `AgentError` code `ADDRESS_IN_USE` / `LISTEN_FAILED`. */
export async function listen(options: ServerOptions): Promise<AgentServer> {
  const app = createApp(options);
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const { listen: address } = options;
  if (address.kind === 'unix') await removeStaleSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    const done = (): void => resolve();
    if (address.kind === 'unix') server.listen(address.path, done);
    else server.listen(address.port, address.host, done);
  });
  if (address.kind === 'unix') chmodSync(address.path, 0o660);
  return {
    url: urlOf(server, address),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), 500);
      await closed;
      clearTimeout(force);
    },
  };
}

function urlOf(server: Server, address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const bound = server.address();
  const port = bound && typeof bound === 'object' ? bound.port : address.port;
  return `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`;
}

function listenError(address: ListenAddress, error: NodeJS.ErrnoException): AgentError {
  const shown = address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${address.port}`;
  if (error.code === 'EADDRINUSE') {
    return new AgentError(
      'ADDRESS_IN_USE',
      `agent.listen: ${shown} is in use by another process. Stop it, or choose another address`,
      { cause: error, address: shown },
    );
  }
  const message = `agent.listen: cannot listen on ${shown}: ${error.message}`;
  return new AgentError('LISTEN_FAILED', message, { cause: error, address: shown });
}

/** A socket that nobody answers is left over from a killed agent. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!existsSync(path) || !lstatSync(path).isSocket()) return;
  const answered = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (!answered) unlinkSync(path);
}
