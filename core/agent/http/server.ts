import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import type { ListenAddress } from '../../../config/index.js';
import { AgentError } from '../error.js';

export interface AgentServer {
  /** `http://127.0.0.1:9091` or `unix:/run/bee-agent.sock`. */
  readonly url: string;
  /** Have requests answered: `load` is called once, for the first of them, or by {@link AgentServer.ready}. Until then they wait. */
  readonly serve: (load: () => Promise<RequestListener>) => void;
  /** Load what answers, for requests to come. */
  readonly ready: () => void;
  close(): Promise<void>;
}

/** Listen, or fail with `AgentError` code `ADDRESS_IN_USE` / `LISTEN_FAILED`. */
export async function listen(address: ListenAddress): Promise<AgentServer> {
  let serve: AgentServer['serve'] = () => {};
  const served = new Promise<() => Promise<RequestListener>>((resolve) => {
    serve = resolve;
  });
  let listener: Promise<RequestListener> | undefined;
  const load = (): Promise<RequestListener> => {
    listener ??= served.then((load) => load());
    return listener;
  };
  const server = createServer((request, response) => {
    void load().then((answer) => answer(request, response));
  });
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
    serve,
    ready: () => void load(),
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
