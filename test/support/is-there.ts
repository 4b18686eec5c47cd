import { readFileSync } from 'node:fs';

/** Whether a process runs. A zombie that nobody has taken note of is no process any more. */
export function isThere(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
