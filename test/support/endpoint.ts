import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A destination over HTTP that keeps what it acknowledged; slow, stuck or broken on request. */
export class Endpoint {
  /** `seq` of each event, in the order in which they were acknowledged, by probe. */
  readonly received = new Map<string, number[]>();
  requests = 0;
  /** Asked for each request; its answer is the status. */
  answer: () => number | Promise<number> = () => 200;

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => {});
      request.on('end', async () => {
        this.requests++;
        const status = await this.answer();
        if (status === 200) this.keep(Buffer.concat(chunks).toString());
        response.writeHead(status).end();
      });
    });
  }

  static async listen(): Promise<Endpoint> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Endpoint(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  of(probe: string): number[] {
    const known = this.received.get(probe) ?? [];
    this.received.set(probe, known);
    return known;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private keep(text: string): void {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const event = JSON.parse(line) as { probe: string; data: { seq: number } };
      this.of(event.probe).push(event.data.seq);
    }
  }
}
