import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Fault =
  /** Passes all on. */
  | 'none'
  /** Takes the connection and what comes, and says nothing. */
  | 'hang'
  /** Resets the connection when it has read part of a request's body. */
  | 'reset'
  /** Passes the request on, and resets in the middle of the answer. */
  | 'reset-answer';

/** Bytes after which a request is in its body. */
const IN_BODY = 600;

/** A TCP proxy with a fault at a time. A change of fault ends the connections that are there. */
export class FaultProxy {
  private fault: Fault = 'none';
  private target: { host: string; port: number };
  private readonly sockets = new Set<Socket>();
  /** Connections that met the present fault. */
  met = 0;
  /** Requests that were passed on, or met a fault, and when they began (ms, of `performance.now`). */
  readonly requests: { readonly path: string; readonly time: number }[] = [];

  private constructor(
    private readonly server: Server,
    target: string,
  ) {
    this.target = addressOf(target);
  }

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, target);
    server.on('connection', (socket) => proxy.accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  become(fault: Fault, target?: string): void {
    this.fault = fault;
    this.met = 0;
    if (target !== undefined) this.target = addressOf(target);
    for (const socket of this.sockets) socket.destroy();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
  }

  private accept(socket: Socket): void {
    this.keep(socket);
    // A client of one connection waits for the answer, so that a request begins a chunk.
    socket.on('data', (chunk: Buffer) => {
      const path = /^POST (\S+) HTTP/.exec(chunk.toString('latin1', 0, 200))?.[1];
      if (path !== undefined) this.requests.push({ path, time: performance.now() });
    });
    const { fault } = this;
    if (fault === 'hang') {
      socket.on('data', () => {
        this.met = 1;
      });
      return;
    }
    if (fault === 'reset') {
      let read = 0;
      socket.on('data', (chunk: Buffer) => {
        read += chunk.byteLength;
        if (read < IN_BODY) return;
        this.met++;
        socket.resetAndDestroy();
      });
      return;
    }
    const onward = connect(this.target);
    this.keep(onward);
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.pipe(onward);
    if (fault === 'none') {
      onward.pipe(socket);
      return;
    }
    onward.on('data', (chunk: Buffer) => {
      this.met++;
      socket.write(chunk.subarray(0, chunk.byteLength >> 1), () => socket.resetAndDestroy());
    });
  }

  async stop(): Promise<void> {
    this.become('hang');
    this.server.close();
    await once(this.server, 'close');
  }
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
