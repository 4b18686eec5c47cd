import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Folders that hold images: one to write, and others that are only read, in the order of the search. */
export interface StoreLocation {
  readonly primary: string;
  readonly readOnly: readonly string[];
}

export interface StoreLocationInput {
  /** `--storage`, or `storage:` of the agent's config. */
  readonly storage?: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
  /** Effective user. Default: this process's. */
  readonly uid?: number;
  /** Home folder of a user id. Default: from `/etc/passwd`. */
  readonly homeOf?: (uid: number) => string | undefined;
}

const SYSTEM_STORE = '/var/lib/bee-agent/store';

/**
 * Where images are: `storage`, then `BEE_STORAGE`, then `~/.bumblebee/store`, then (no HOME) a system folder.
 * An explicit choice is the only one. Otherwise root under sudo also reads the store of the user who called it,
 * who built the images there.
 */
export function storeLocation(input: StoreLocationInput = {}): StoreLocation {
  const env = input.env ?? process.env;
  const chosen = input.storage || env.BEE_STORAGE;
  if (chosen) return { primary: resolve(chosen), readOnly: [] };

  const primary = env.HOME ? join(resolve(env.HOME), '.bumblebee', 'store') : SYSTEM_STORE;
  const uid = input.uid ?? process.geteuid?.() ?? 0;
  const caller = Number(env.SUDO_UID || Number.NaN);
  if (uid !== 0 || !Number.isInteger(caller)) return { primary, readOnly: [] };
  const home = (input.homeOf ?? homeFromPasswd)(caller);
  const callers = home === undefined ? undefined : join(home, '.bumblebee', 'store');
  return { primary, readOnly: callers === undefined || callers === primary ? [] : [callers] };
}

function homeFromPasswd(uid: number): string | undefined {
  try {
    for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
      const fields = line.split(':');
      if (fields[2] === String(uid) && fields[5]?.startsWith('/')) return fields[5];
    }
  } catch {
    // Without the file there is no second store to search.
  }
  return undefined;
}
