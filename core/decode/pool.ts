import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { Schedule } from './schedule.js';
import { Allowance } from './small-drains.js';
import type { MapRead, ReadResult, ReadsResult, Task, UnknownResult } from './tasks.js';

/** `max_entries` of all the small maps that one worker reads. */
const GATHERED_ENTRIES = 65_536;

/** A worker's part in a ring or map. */
export interface Assignment {
  readonly worker: DecodeWorker;
  /** The source is gone. */
  release(): void;
}

/**
 * The decode workers. Each is a piscina pool of one thread, because a ring belongs to one worker: that worker
 * has it mapped, and its group table. Tasks of one worker run in the order in which they were given, so that
 * rings that share it take turns. A worker that dies is replaced by piscina; the new one knows nothing, says
 * `unknown`, and is told again by the ring's or map's source.
 */
export class DecodePool {
  /** Of map reads. */
  readonly schedule = new Schedule();
  /** Of small drains. */
  readonly allowance = new Allowance();
  private readonly workers: DecodeWorker[] = [];
  private readonly filename = workerFile();

  /** The thread of the first worker starts now; those of the others when there is work for them. */
  constructor(size = 1) {
    this.grow(size);
    this.workers[0]?.begin();
  }

  /** To `size` workers, at least one; those that are there stay. */
  grow(size: number): void {
    while (this.workers.length < Math.max(1, size)) this.workers.push(new DecodeWorker(this.filename));
  }

  /** For a ring, the worker with the least load. */
  assignRing(): Assignment {
    return assign(this.leastLoaded(), 1, 0);
  }

  /**
   * For a map, by its `max_entries`. Small ones gather on one worker, for to wake a thread each second costs more than
   * to read them; a large one is like a ring.
   */
  assignMap(entries: number): Assignment {
    const load = Math.min(1, entries / GATHERED_ENTRIES);
    const gathering = this.workers.find((worker) => worker.gathered + load <= 1);
    if (load === 1 || !gathering) return assign(this.leastLoaded(), load, 0);
    return assign(gathering, load, load);
  }

  private leastLoaded(): DecodeWorker {
    return this.workers.reduce((least, next) => (next.load < least.load ? next : least));
  }

  get size(): number {
    return this.workers.length;
  }

  /** Workers that died and were replaced. */
  get restarts(): number {
    return this.workers.reduce((sum, worker) => sum + worker.restarts, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }
}

function assign(worker: DecodeWorker, load: number, gathered: number): Assignment {
  worker.load += load;
  worker.gathered += gathered;
  return {
    worker,
    release: () => {
      worker.load -= load;
      worker.gathered -= gathered;
    },
  };
}

interface AskedRead {
  readonly read: MapRead;
  readonly resolve: (result: ReadResult | UnknownResult) => void;
  readonly reject: (error: unknown) => void;
}

export class DecodeWorker {
  /** A ring counts as 1, a map as its share of {@link GATHERED_ENTRIES}. */
  load = 0;
  /** What of it are small maps. */
  gathered = 0;
  restarts = 0;
  private created = 0;
  private asked: AskedRead[] = [];
  private pool: Piscina | undefined;
  private closed = false;

  constructor(private readonly filename: string) {}

  /** Start the thread, unless it has. */
  begin(): Piscina {
    if (this.closed) throw new Error('the decode workers have ended');
    if (this.pool) return this.pool;
    const pool = new Piscina({
      filename: this.filename,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      workerHistogram: false,
    } as ConstructorParameters<typeof Piscina>[0]);
    pool.on('workerCreate', () => {
      if (this.created++ > 0) this.restarts++;
    });
    // A worker that dies takes its task with it, which rejects; the pool itself goes on.
    pool.on('error', () => {});
    // But not after one that died before it was ready: then tasks would wait for ever for a worker that never comes.
    pool.on('workerDestroy', () => queueMicrotask(() => this.renew(pool)));
    this.pool = pool;
    return pool;
  }

  /** A pool that has no worker any more rejects what waits for one; the next task begins another. */
  private renew(pool: Piscina): void {
    if (this.closed || this.pool !== pool || pool.threads.length > 0) return;
    this.pool = undefined;
    void pool.destroy();
  }

  async run<R>(task: Task, transferList: readonly ArrayBuffer[] = []): Promise<R> {
    return this.begin().run(task, { transferList: [...transferList] }) as Promise<R>;
  }

  /**
   * Reads that are asked for in one turn go there, and come back, in one message: waking threads costs more than
   * reading a small map. `alone`: not with others, one of which may have killed the worker.
   */
  read(read: MapRead, { alone }: { readonly alone: boolean }): Promise<ReadResult | UnknownResult> {
    return new Promise((resolve, reject) => {
      if (alone) return void this.readAsked([{ read, resolve, reject }]);
      this.asked.push({ read, resolve, reject });
      if (this.asked.length === 1) queueMicrotask(() => void this.readAsked(this.asked.splice(0)));
    });
  }

  private async readAsked(asked: readonly AskedRead[]): Promise<void> {
    for (let done = 0; done < asked.length; ) {
      const rest = asked.slice(done);
      try {
        const reads = rest.map(({ read }) => read);
        const { results } = await this.run<ReadsResult>({ kind: 'read-maps', reads });
        for (const [i, result] of results.entries()) {
          if (result.status === 'failed') rest[i]?.reject(result.error);
          else rest[i]?.resolve(result);
        }
        done += results.length;
      } catch (error) {
        for (const { reject } of rest) reject(error);
        return;
      }
    }
  }

  /** For tests of what happens when a worker dies. */
  async kill(): Promise<void> {
    await Promise.all(this.begin().threads.map((thread) => thread.terminate()));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.pool?.close({ force: true });
  }
}

/** Threads run JavaScript: the file beside this one, by its name in the bundle; from sources (tests), that in `dist/`. */
function workerFile(): string {
  const here = fileURLToPath(import.meta.url);
  if (here.endsWith('/pool.js')) return join(dirname(here), 'worker.js');
  if (here.endsWith('.js')) return join(dirname(here), 'decode-worker.js');
  const compiled = join(dirname(here), '..', '..', 'dist', 'core', 'decode', 'worker.js');
  if (!existsSync(compiled)) throw new Error(`${compiled} is missing: run npm run build`);
  return compiled;
}
