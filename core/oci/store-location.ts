import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OciError } from './error.js';
import { type Probe, readProbe } from './image.js';
import { parseReference, type Reference } from './reference.js';
import type { SourceOptions } from './source.js';
import { ImageStore } from './store.js';

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

/** Every store of a location that is worth asking, the writable one first. */
export function storesOf(location: StoreLocation): ImageStore[] {
  return [location.primary, ...location.readOnly].map((folder) => new ImageStore(folder));
}

/**
 * A probe from the first store that has it. `NOT_FOUND` names the stores that were searched.
 *
 * @example
 * const probe = await readStoredProbe('localhost:5000/probes/execs:v1', storeLocation({ storage: options.storage }));
 */
export async function readStoredProbe(
  reference: Reference | string,
  location: StoreLocation,
  options: SourceOptions & { architecture?: string } = {},
): Promise<Probe> {
  const parsed = typeof reference === 'string' ? parseReference(reference) : reference;
  for (const store of storesOf(location)) {
    const probe = await readProbe(store, parsed, options);
    if (probe !== undefined) return probe;
  }
  const searched = [location.primary, ...location.readOnly].map((folder) =>
    existsSync(folder) ? folder : `${folder} (which does not exist)`,
  );
  throw new OciError('NOT_FOUND', `no image ${parsed.text} in the store ${searched.join(' nor in ')}`);
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
