import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU seconds of a process and its children so far, all threads, ns resolution (`/proc/PID/task/TID/schedstat`). The
 * children of an agent are its custom sinks.
 */
export function cpuSeconds(pid: number): number {
  return [...cpuByThread(pid).values()].reduce((sum, seconds) => sum + seconds, 0);
}

/** CPU seconds by thread: the main one, the others by name, and those of children with the child's name before it. */
export function cpuByThread(pid: number): Map<string, number> {
  const threads = new Map<string, number>();
  for (const process of [pid, ...childrenOf(pid)]) {
    for (const task of tasksOf(process)) {
      const own = task === String(process) ? 'main' : comm(process, task);
      const name = process === pid ? own : `${comm(process, String(process))} ${own}`;
      threads.set(name, (threads.get(name) ?? 0) + taskNs(process, task) / 1e9);
    }
  }
  return threads;
}

function childrenOf(pid: number): number[] {
  return tasksOf(pid).flatMap((task) =>
    readIfThere(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

const comm = (pid: number, task: string): string => readIfThere(`/proc/${pid}/task/${task}/comm`).trim();

/** A thread may end after it was listed. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** CPU seconds by thread from one reading to a later one. */
export function cpuSince(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> {
  return new Map([...after].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]));
}

function taskNs(pid: number, task: string): number {
  return Number(readIfThere(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]);
}

/** Private memory with that of its children, bytes: what would come back if it ended. Mapped rings are shared with the kernel, and not in it. */
export function privateBytes(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, process) => {
    const text = readIfThere(`/proc/${process}/smaps_rollup`);
    const kib = [...text.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce(
      (all, match) => all + Number(match[1]),
      0,
    );
    return sum + kib * 1024;
  }, 0);
}

/** Highest resident memory so far, bytes. */
export function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

const children = new Set<ChildProcess>();

/** For a bench that is interrupted: an agent left behind would slow every later run. */
export function killChildren(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** A child of the bench: its stderr kept, ended by SIGTERM. */
export class Child {
  stderr = '';
  private constructor(readonly process: ChildProcess) {
    children.add(process);
    process.once('close', () => children.delete(process));
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  static spawn(
    command: string,
    args: readonly string[],
    stdio: { stdin?: 'ignore' | ChildProcess['stdout']; stdout?: 'ignore' | 'pipe' | number } = {},
  ): Child {
    return new Child(
      spawn(command, args, { stdio: [stdio.stdin ?? 'ignore', stdio.stdout ?? 'ignore', 'pipe'] as never }),
    );
  }

  get pid(): number {
    return this.process.pid!;
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Poll until `condition` holds. */
  async until(condition: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
    const end = performance.now() + ms;
    while (!(await condition())) {
      if (this.ended) throw new Error(`${this.process.spawnfile} ended:\n${this.stderr}`);
      if (performance.now() > end) throw new Error(`${this.process.spawnfile} timed out:\n${this.stderr}`);
      await sleep(5);
    }
  }

  /** Until its stdout, a pipe, brings something. Polling would be late. */
  async firstOutput(ms = 30_000): Promise<void> {
    const { stdout } = this.process;
    if (!stdout) throw new Error('its stdout is no pipe');
    const signal = AbortSignal.timeout(ms);
    const ended = once(this.process, 'close', { signal }).then(() => {
      throw new Error(`${this.process.spawnfile} ended:\n${this.stderr}`);
    });
    await Promise.race([once(stdout, 'data', { signal }), ended]).catch((error: Error) => {
      if (!signal.aborted) throw error;
      throw new Error(`${this.process.spawnfile} printed nothing in ${ms / 1000} s:\n${this.stderr}`);
    });
    ended.catch(() => {});
  }

  async end(): Promise<string> {
    if (!this.ended) {
      const closed = once(this.process, 'close');
      this.process.kill('SIGTERM');
      await closed;
    }
    return this.stderr;
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
