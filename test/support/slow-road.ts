import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A road to a real server that lets so many bytes of its answers through, and holds the rest until it is opened. */
export class SlowRoad {
  private readonly sockets = new Set<Socket>();
  private isOpen = false;
  private passed = 0;

  private constructor(
    private readonly server: Server,
    private readonly allowance: number,
  ) {}

  static async to(host: string, allowance: number): Promise<SlowRoad> {
    const [name, port] = host.split(':');
    const road: SlowRoad = new SlowRoad(
      createServer((client) => {
        const upstream = connect(Number(port), name);
        for (const socket of [client, upstream]) {
          road.sockets.add(socket);
          socket.on('close', () => road.sockets.delete(socket));
          socket.on('error', () => {
            client.destroy();
            upstream.destroy();
          });
        }
        client.pipe(upstream);
        upstream.on('data', (data) => {
          road.passed += data.length;
          client.write(data);
          if (!road.isOpen && road.passed > road.allowance) upstream.pause();
        });
        upstream.on('end', () => client.end());
      }),
      allowance,
    );
    road.server.listen(0, '127.0.0.1');
    await once(road.server, 'listening');
    return road;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  open(): void {
    this.isOpen = true;
    for (const socket of this.sockets) socket.resume();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
