import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** CPU seconds of a process so far, all threads, ns resolution (`/proc/PID/task/TID/schedstat`). */
export function cpuSeconds(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) ns += taskNs(pid, task);
  return ns / 1e9;
}

/** CPU seconds by thread: the main one, and the others by name. */
export function cpuByThread(pid: number): Map<string, number> {
  const threads = new Map<string, number>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const name =
      task === String(pid) ? 'main' : readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim();
    threads.set(name, (threads.get(name) ?? 0) + taskNs(pid, task) / 1e9);
  }
  return threads;
}

/** CPU seconds by thread from one reading to a later one. */
export function cpuSince(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> {
  return new Map([...after].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]));
}

function taskNs(pid: number, task: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    // The thread ended since it was listed.
    return 0;
  }
}

/** Private memory, bytes: what would come back if it ended. Mapped rings are shared with the kernel, and not in it. */
export function privateBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return (
    [...text.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, match) => sum + Number(match[1]), 0) * 1024
  );
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
