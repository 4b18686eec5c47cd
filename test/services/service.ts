import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the scripts beside this file leave what they built. */
const CACHE = process.env.BEE_SERVICES || join(homedir(), '.cache', 'bee-agent', 'services');

/** The newest build of a service; undefined when there is none. */
export function builtService(name: string): string | undefined {
  if (!existsSync(CACHE)) return undefined;
  const found = readdirSync(CACHE)
    .filter((file) => file.startsWith(`${name}-v`) || file === name)
    .sort();
  const last = found.at(-1);
  return last === undefined ? undefined : join(CACHE, last);
}

/** A real service with a folder of its own. */
export class Service {
  private said = '';

  private constructor(
    readonly child: ChildProcess,
    readonly folder: string,
  ) {}

  /** `args`: given the folder. Resolves when `ready` answers with success. */
  static async start(
    program: string,
    args: (folder: string) => readonly string[],
    ready: string,
  ): Promise<Service> {
    const folder = mkdtempSync(join(tmpdir(), 'bee-service-'));
    const child = spawn(program, args(folder), { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
    const service = new Service(child, folder);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        service.said = (service.said + text).slice(-20_000);
      });
    for (let i = 0; i < 600; i++) {
      if (child.exitCode !== null) break;
      const isReady = await fetch(ready).then(
        (response) => response.ok,
        () => false,
      );
      if (isReady) return service;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`${program} does not get ready:\n${service.said}`);
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

/** Poll until `read` gives something. */
export async function eventually<T>(read: () => Promise<T | undefined>, ms = 30_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error('it did not come');
    await new Promise((done) => setTimeout(done, 200));
  }
}
