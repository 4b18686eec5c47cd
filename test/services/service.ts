import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the scripts beside this file leave what they built. */
const CACHE =
  process.env.BEE_SERVICES_CACHE ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bee-agent', 'services');

/** A build of a service, the newest unless a version is named; undefined when there is none. */
export function builtService(name: string, version?: string): string | undefined {
  if (!existsSync(CACHE)) return undefined;
  const found = readdirSync(CACHE)
    .filter((file) =>
      version === undefined ? file.startsWith(`${name}-v`) || file === name : file === `${name}-${version}`,
    )
    .sort();
  const last = found.at(-1);
  return last === undefined ? undefined : join(CACHE, last);
}

/** A program of the system; undefined when it is not installed. */
export function installed(name: string): string | undefined {
  return [...(process.env.PATH ?? '').split(':'), '/usr/sbin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

export interface ServiceSettings {
  readonly program: string;
  /** Given the folder, which is also the working directory. */
  readonly args: (folder: string) => readonly string[];
  /** Whether it answers by now: a URL that gives a success, or a question of one's own. */
  readonly ready: string | (() => Promise<boolean>);
}

/** A real service with a folder of its own, which outlives {@link kill} and {@link start}. */
export class Service {
  /** All that it wrote, of every run. */
  said = '';
  readonly folder = mkdtempSync(join(tmpdir(), 'bee-service-'));
  private child: ChildProcess | undefined;

  constructor(private readonly settings: ServiceSettings) {}

  static async start(settings: ServiceSettings): Promise<Service> {
    const service = new Service(settings);
    await service.start();
    return service;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const { program, args, ready } = this.settings;
    const child = spawn(program, args(this.folder), { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.folder });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.said += text;
      });
    const ask =
      typeof ready === 'string' ? () => fetch(ready).then((response) => response.ok) : () => ready();
    for (let i = 0; i < 900 && child.exitCode === null; i++) {
      if (await ask().catch(() => false)) return;
      await pause(100);
    }
    throw new Error(`${program} does not get ready:\n${this.said.slice(-20_000)}`);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Poll until `read` gives something. */
export async function eventually<T>(read: () => Promise<T | undefined>, ms = 60_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error('it did not come');
    await pause(200);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
