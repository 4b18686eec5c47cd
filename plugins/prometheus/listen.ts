import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { Address } from './address.js';
import type { WebGuard } from './web-config/index.js';

/** The address cannot be had. No later attempt would be better, so the agent ends: `fatal`. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly fatal = true;
}

export interface Listener {
  /** `http://127.0.0.1:9100`, `https://…`, or `unix:/run/prom.sock`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serve `handler` at `path`, and nothing else, to whom `guard` admits. Throws {@link ListenError}. */
export async function listen(
  address: Address,
  path: string,
  handler: (request: Request) => Promise<Response>,
  guard?: WebGuard,
): Promise<Listener> {
  const app = new Hono();
  if (guard)
    app.use(async (context, next) => {
      const refusal = await guard.refusal(context.req.raw);
      if (refusal) context.res = refusal;
      else await next();
      for (const [name, value] of Object.entries(guard.headers)) context.header(name, value);
    });
  app.get(path, (context) => handler(context.req.raw));
  app.all(path, (context) =>
    context.text('Method not allowed: only GET and HEAD\n', 405, { allow: 'GET, HEAD' }),
  );
  app.notFound((context) => context.text(`Not found. There is: ${path}\n`, 404));
  app.onError((error, context) => context.text(`Internal error: ${error.message}\n`, 500));
  const listener = getRequestListener(app.fetch);
  const server = guard?.secure ? guard.createServer(listener) : createServer(listener);
  // Also those that are still in their TLS handshake, which the server itself does not count as connections.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  if (address.kind === 'unix') await removeStaleSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    if (address.kind === 'unix') server.listen(address.path, resolve);
    else server.listen(address.port, ...(address.host === '' ? [] : [address.host]), resolve);
  });
  if (address.kind === 'unix') chmodSync(address.path, 0o660);
  return {
    url: urlOf(server, address, guard?.secure ? 'https' : 'http'),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => sockets.forEach((socket) => void socket.destroy()), 500);
      await closed;
      clearTimeout(force);
    },
  };
}

function urlOf(server: Server | SecureServer, address: Address, scheme: string): string {
  const bound = server.address();
  if (address.kind === 'unix' || bound === null || typeof bound === 'string') return address.text;
  return `${scheme}://${bound.address.includes(':') ? `[${bound.address}]` : bound.address}:${bound.port}`;
}

function listenError({ text }: Address, error: NodeJS.ErrnoException): ListenError {
  return new ListenError(
    error.code === 'EADDRINUSE'
      ? `listen: ${text} is in use by another process. Stop it, or choose another address`
      : `listen: cannot listen on ${text}: ${error.message}`,
    { cause: error },
  );
}

/** A socket that nobody answers is left over from a killed agent. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  const answered = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (!answered) unlinkSync(path);
}
