import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../error.js';

const LOCK = 'lock';

/**
 * Take a folder for this process; gives the release. The lock is a file that names its owner by pid and start time, so
 * that one which a killed process left is known as such. Processes that do not see each other (containers) must not
 * share a folder. Rejects with `BUFFER` while another process has it, or this one.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, LOCK);
  const claim = `${process.pid} ${startOf(process.pid)}\n`;
  const mine = join(folder, `${LOCK}.${randomBytes(8).toString('hex')}`);
  await writeFile(mine, claim, { mode: 0o600, flag: 'wx' });
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await linked(mine, path)) return () => rm(path, { force: true });
      const owner = await readFile(path, 'utf8').catch(() => '');
      if (owner !== '' && isAlive(owner)) throw held(folder, owner);
      await removeStale(path, owner);
    }
    throw held(folder, '');
  } finally {
    await rm(mine, { force: true });
  }
}

/** Set it aside first, and look again: another process may have done so before, and taken the folder by now. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== stale) await linked(aside, path);
  await rm(aside, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function held(folder: string, owner: string): PipelineError {
  const who = owner === '' ? 'another process' : `process ${owner.split(' ', 1)[0]}`;
  return new PipelineError(
    'BUFFER',
    `buffer.path: ${folder} is in use by ${who}. Stop that one, or choose another folder`,
  );
}

function isAlive(owner: string): boolean {
  const [pid, start] = owner.trim().split(' ');
  return pid !== undefined && /^\d+$/.test(pid) && startOf(Number(pid)) === start;
}

/** Clock ticks after boot at which a process started (proc(5), stat, field 22); empty when there is none. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, field 2, may hold anything, blanks and parentheses too.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
