import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../support/registry.js';

const DEBIAN = '/usr/lib/postgresql';

/** Folder of the newest PostgreSQL that Debian installed; undefined when there is none. */
export function installedPostgres(): string | undefined {
  if (!existsSync(DEBIAN)) return undefined;
  const newest = readdirSync(DEBIAN)
    .filter((version) => existsSync(join(DEBIAN, version, 'bin/postgres')))
    .sort((a, b) => Number(a) - Number(b))
    .at(-1);
  return newest === undefined ? undefined : join(DEBIAN, newest, 'bin');
}

/** A real PostgreSQL with its data in a folder of its own, which can be killed and started again. */
export class PostgresServer {
  private child: ChildProcess | undefined;
  private said = '';

  private constructor(
    private readonly programs: string,
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async create(programs: string): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), 'bee-postgres-'));
    // It refuses to run as root; the package has made its user.
    const user = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
    chownSync(folder, user, statSync(folder).gid);
    const server = new PostgresServer(programs, folder, await freePort());
    execFileSync('runuser', [
      ...['-u', 'postgres', '--', join(programs, 'initdb'), '-D', join(folder, 'data')],
      ...['-A', 'trust', '-U', 'bee', '--no-sync', '-E', 'UTF8', '--locale', 'C'],
    ]);
    await server.start();
    return server;
  }

  get url(): string {
    return `postgres://bee@127.0.0.1:${this.port}/postgres`;
  }

  async start(): Promise<void> {
    const settings = [`port=${this.port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
    this.child = spawn(
      'setpriv',
      [
        ...['--reuid=postgres', '--regid=postgres', '--init-groups', '--', join(this.programs, 'postgres')],
        ...['-D', join(this.folder, 'data'), ...settings.flatMap((setting) => ['-c', setting])],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-20_000);
      });
    for (const end = Date.now() + 60_000; ; ) {
      try {
        await this.query('SELECT 1');
        return;
      } catch (error) {
        if (Date.now() > end || this.child.exitCode !== null)
          throw new Error(`PostgreSQL does not get ready (${(error as Error).message}):\n${this.said}`);
        await new Promise((done) => setTimeout(done, 100));
      }
    }
  }

  async query(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** As a power cut, but for the disk's cache. */
  async crash(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'exit');
    child.kill('SIGKILL');
    await closed;
  }

  async remove(): Promise<void> {
    await this.crash();
    // Its children notice that it is gone, and end.
    for (let i = 0; ; i++) {
      try {
        rmSync(this.folder, { recursive: true, force: true });
        return;
      } catch (error) {
        if (i === 50) throw error;
        await new Promise((done) => setTimeout(done, 100));
      }
    }
  }
}
