import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from './error.js';
import type { Environment } from './expand.js';

const GROUP_WRITE = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/**
 * Refuse a file that somebody other than root could have written, since it decides what root loads into the kernel.
 * Root's equals are the user who called sudo, and whoever owns this program: both decide already what root runs.
 *
 * @param path real path of the file (no symbolic links)
 */
export async function requireTrusted(path: string, file: Stats, env: Environment): Promise<void> {
  const trusted = new Set([0, programOwner(), sudoUser(env)]);
  if (!trusted.has(file.uid)) {
    refuse(path, `it belongs to user ${file.uid}`, `chown root ${shellQuoted(path)}`);
  }
  if (file.mode & OTHERS_WRITE || (file.mode & GROUP_WRITE && file.gid !== 0)) {
    refuse(path, `others can write it (mode ${octal(file.mode)})`, `chmod go-w ${shellQuoted(path)}`);
  }
  let directory = dirname(path);
  const parent = directory;
  for (;;) {
    const stats = await stat(directory);
    const anybody = stats.mode & OTHERS_WRITE && !(stats.mode & STICKY);
    if (anybody) {
      const reason = `anybody can replace files in ${directory} (mode ${octal(stats.mode)})`;
      refuse(path, reason, `chmod o-w ${shellQuoted(directory)}`);
    }
    if (directory === parent && !trusted.has(stats.uid) && !(stats.mode & STICKY)) {
      const reason = `its directory ${directory} belongs to user ${stats.uid}`;
      refuse(path, reason, `chown root ${shellQuoted(directory)}`);
    }
    const above = dirname(directory);
    if (above === directory) return;
    directory = above;
  }
}

function refuse(path: string, reason: string, command: string): never {
  const message = `${path}: refused, as root: ${reason}, so it could decide what root runs. Run: ${command}`;
  throw new ConfigError('untrusted', message);
}

function sudoUser(env: Environment): number | undefined {
  const uid = env.SUDO_UID;
  return uid !== undefined && /^\d+$/.test(uid) ? Number(uid) : undefined;
}

function programOwner(): number {
  return statSync(fileURLToPath(import.meta.url)).uid;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function shellQuoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
