import type { MapRefresh } from '../decode/index.js';
import { later } from './timer.js';

/** ms that a collection waits for maps to be read: then it shows what was read before, and the next one this. */
const WAIT_MS = 500;
/** ms of age beyond which what was read before is too old to be shown as it is now, as at the first scrape in an hour. */
const OLD_MS = 2_000;
/** ms that a collection waits for those: within the time of a scrape each 5 s. */
const OLD_WAIT_MS = 4_000;

/** Have the maps read that nobody reads by himself, before their series are shown. Never rejects. */
export async function readMaps(probes: readonly { refresh(): readonly MapRefresh[] }[]): Promise<void> {
  const reads = probes.flatMap((probe) => probe.refresh());
  const old = reads.filter(({ age }) => age > OLD_MS);
  await Promise.all([waitFor(reads, WAIT_MS), waitFor(old, OLD_WAIT_MS)]);
}

async function waitFor(reads: readonly MapRefresh[], ms: number): Promise<void> {
  if (reads.length === 0) return;
  let cancel = (): void => {};
  const waited = new Promise<void>((resolve) => {
    cancel = later(ms, resolve);
  });
  await Promise.race([Promise.all(reads.map(({ done }) => done)), waited]);
  cancel();
}
