import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian's docker-registry, as an administrator starts it, on a port of its own with a folder of its own. */
export class DockerRegistry {
  private constructor(
    readonly host: string,
    readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  /** `auth`, `tls`: the parts of its configuration, as YAML. */
  static async start(options: { auth?: string; tls?: string } = {}): Promise<DockerRegistry> {
    const folder = mkdtempSync(join(tmpdir(), 'bee-registry-'));
    const port = await freePort();
    const file = join(folder, 'config.yml');
    writeFileSync(
      file,
      `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage:
  filesystem: { rootdirectory: ${join(folder, 'data')} }
  delete: { enabled: true }
http:
  addr: 127.0.0.1:${port}
  secret: test
${options.tls ?? ''}
${options.auth ?? ''}
`,
    );
    const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    const registry = new DockerRegistry(`127.0.0.1:${port}`, folder, child);
    const secure = options.tls !== undefined;
    for (let i = 0; ; i++) {
      if (await answers(port, secure)) return registry;
      if (child.exitCode !== null || i > 200) throw new Error(`docker-registry does not start:\n${said}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const closed = once(this.child, 'close');
      this.child.kill('SIGKILL');
      await closed;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function answers(port: number, secure: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const send = secure ? httpsRequest : httpRequest;
    const sent = send({ host: '127.0.0.1', port, path: '/v2/', rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(true);
    });
    sent.on('error', () => resolve(false));
    sent.end();
  });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
