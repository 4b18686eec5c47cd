import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A real HTTP server on a port of its own, which answers as a test wants it. */
export class WebServer {
  /** What was asked, in its order: `GET /v2/`. */
  readonly asked: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(
    handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  ): Promise<WebServer> {
    const server = createServer((request, response) => {
      web.asked.push(`${request.method} ${request.url}`);
      void (async () => handle(request, response))().catch((error) => response.destroy(error as Error));
    });
    const web = new WebServer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return web;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** Always true, to end a handler with: it has answered. */
export function answer(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, headers);
  response.end(body);
  return true;
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
