import type { ProbeSupervisor } from './probe/supervisor.js';
import { later } from './timer.js';

/** ms that a scrape waits for maps to be read: then it shows what was read before, and the next one this. */
const WAIT_MS = 500;

/** Have the maps read that nobody reads by himself, before their series are shown. Never rejects. */
export async function readMaps(probes: readonly ProbeSupervisor[]): Promise<void> {
  const reads = probes.flatMap((probe) => probe.refresh());
  if (reads.length === 0) return;
  let cancel = (): void => {};
  const waited = new Promise<void>((resolve) => {
    cancel = later(WAIT_MS, resolve);
  });
  await Promise.race([Promise.all(reads), waited]);
  cancel();
}
