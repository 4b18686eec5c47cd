import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, ioError, OciError } from './error.js';
import { createAtomically, readRegularFile } from './files.js';
import { decodeJson, encodeJson, isRecord } from './json.js';
import { currentProcess, isAlive, type ProcessIdentity } from './process.js';

const LOCK = '.lock';
/** Guards the removal of a dead process's lock. Held for two system calls. */
const BREAK = '.lock-break';
/** The lock is held for milliseconds; where its owner cannot be asked after, its age tells. */
const MAX_HOLD_MS = 60_000;
const POLL_MS = 20;

export interface LockOptions {
  /** How long to wait for another process, ms. Default 10 s. */
  readonly wait?: number;
}

/**
 * Run `work` while no other process on this store does. The lock is a file that exists (made by link(2), so it
 * appears with its owner written in it) and names its owner by pid and start time: one that a killed process left is
 * removed. Rejects with `LOCKED` when another process holds it for longer than `wait`.
 */
export async function withLock<T>(
  folder: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const release = await acquire(folder, options.wait ?? 10_000);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(folder: string, wait: number): Promise<() => Promise<void>> {
  const path = join(folder, LOCK);
  const claim = encodeJson(currentProcess());
  const deadline = Date.now() + wait;
  for (;;) {
    if (await createAtomically(path, claim, folder)) return () => rm(path, { force: true });
    if (await isStale(path)) {
      await breakLock(folder);
      if (Date.now() < deadline) continue;
    }
    if (Date.now() >= deadline) throw await lockedBy(path, wait);
    await sleep(POLL_MS * (0.5 + Math.random()));
  }
}

/**
 * Remove a dead owner's lock. Only who has created the guard may do so, and looks again first: otherwise two
 * waiters could both find the same dead owner, and the slower one remove the lock that the faster one took.
 */
async function breakLock(folder: string): Promise<void> {
  const guard = join(folder, BREAK);
  if (!(await createAtomically(guard, encodeJson(currentProcess()), folder))) {
    if ((await ageOf(guard)) > MAX_HOLD_MS && (await isStale(guard))) await rm(guard, { force: true });
    else await sleep(POLL_MS);
    return;
  }
  try {
    const path = join(folder, LOCK);
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

/** A lock that is gone is not stale. */
async function isStale(path: string): Promise<boolean> {
  const owner = await ownerOf(path);
  if (owner === 'gone') return false;
  const alive = owner === 'unreadable' ? 'unknown' : isAlive(owner);
  return alive === 'unknown' ? (await ageOf(path)) > MAX_HOLD_MS : !alive;
}

async function ownerOf(path: string): Promise<ProcessIdentity | 'gone' | 'unreadable'> {
  const bytes = await readRegularFile(path, 4096);
  if (bytes === undefined) return 'gone';
  try {
    const value = decodeJson(bytes);
    if (!isRecord(value) || !Number.isInteger(value.pid)) return 'unreadable';
    return value as unknown as ProcessIdentity;
  } catch {
    return 'unreadable';
  }
}

async function ageOf(path: string): Promise<number> {
  try {
    return Date.now() - (await lstat(path)).mtimeMs;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw ioError('look at', path, error);
  }
}

async function lockedBy(path: string, wait: number): Promise<OciError> {
  const owner = await ownerOf(path);
  const who = typeof owner === 'string' ? 'another process' : `process ${owner.pid}`;
  return new OciError('LOCKED', `${path} has been held by ${who} for more than ${wait / 1000} s`);
}
