import { readFileSync, readlinkSync } from 'node:fs';

/** Enough to tell, from another process on this machine, whether this one still runs. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, from `/proc/<pid>/stat`: a reused pid has another. */
  readonly startTime: string;
  readonly bootId: string;
  /** PID namespace: in another one, `pid` says nothing. */
  readonly namespace: string;
}

export function currentProcess(): ProcessIdentity {
  return {
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '',
    bootId: bootId(),
    namespace: pidNamespace(),
  };
}

/** `unknown`: `/proc` cannot tell. It ran on another machine or in another container, or is hidden from us. */
export function isAlive(other: ProcessIdentity): boolean | 'unknown' {
  if (other.bootId !== bootId() || other.namespace !== pidNamespace()) return 'unknown';
  const startTime = startTimeOf(other.pid);
  if (startTime === undefined && isHidden(other.pid)) return 'unknown';
  return startTime === other.startTime;
}

/** Whether it is another user's process that `/proc`, mounted with `hidepid`, does not show us. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses, which may hold anything: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    return state === 'Z' || state === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
