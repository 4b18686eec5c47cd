import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface Dumped {
  readonly formatted: { readonly key: unknown; readonly value: unknown };
}

/**
 * Entries of the map `name` (cut at 15 characters, as the kernel does) that process `pid` holds open, as bpftool
 * reads them: not the agent's own figures, and not the map of another agent on the machine.
 */
export function dumpMap(pid: number, name: string): { readonly key: unknown; readonly value: unknown }[] {
  for (const id of mapIds(pid)) {
    const map = bpftool('map', 'show', 'id', String(id)) as { name?: string };
    if (map.name !== name.slice(0, 15)) continue;
    return (bpftool('map', 'dump', 'id', String(id)) as Dumped[]).map(({ formatted }) => formatted);
  }
  throw new Error(`process ${pid} has no map ${name}`);
}

function mapIds(pid: number): Set<number> {
  const folder = `/proc/${pid}/fdinfo`;
  const ids = new Set<number>();
  for (const fd of readdirSync(folder)) {
    const id = /^map_id:\s*(\d+)$/m.exec(readIfThere(`${folder}/${fd}`));
    if (id) ids.add(Number(id[1]));
  }
  return ids;
}

function bpftool(...args: string[]): unknown {
  return JSON.parse(execFileSync('bpftool', ['-j', ...args], { encoding: 'utf8' }));
}

/** A connection of the process may be gone since its folder was listed. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
