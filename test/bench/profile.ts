import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORK } from './tools.js';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  /** µs before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Where V8's sampling profiler is told to write, and node's flags that tell it. */
export function profiled(): { readonly folder: string; readonly nodeFlags: readonly string[] } {
  const folder = mkdtempSync(join(WORK, 'profile-'));
  return { folder, nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200'] };
}

/** Seconds by stage, of the main thread and of all workers, longest first. Waiting is no stage. */
export function stages(folder: string): Map<string, number> {
  const seconds = new Map<string, number>();
  const files = readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'));
  if (files.length < 2) throw new Error(`${files.length} profiles were written: the workers' are missing`);
  for (const file of files) {
    // CPU.DATE.TIME.PID.THREAD.SEQUENCE.cpuprofile
    const thread = file.split('.')[4] === '0' ? 'main' : 'worker';
    const profile: CpuProfile = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const stageOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, stage(callFrame)]));
    profile.samples.forEach((id, i) => {
      const name = stageOf.get(id);
      if (name === undefined) return;
      const key = `${thread}: ${name}`;
      seconds.set(key, (seconds.get(key) ?? 0) + (profile.timeDeltas[i] ?? 0) / 1e6);
    });
  }
  return new Map([...seconds].sort(([, a], [, b]) => b - a));
}

function stage({
  functionName,
  url,
}: {
  readonly functionName: string;
  readonly url: string;
}): string | undefined {
  if (['(idle)', '(root)', 'atomicsWaitLoop', 'wait'].includes(functionName)) return undefined;
  if (functionName === '(program)') return 'native code of node';
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url.includes('/node_modules/piscina/') || url.startsWith('node:')) return 'messages between threads';
  const own = /\/dist\/((?:core|plugins)\/[^/]+)/.exec(url)?.[1];
  if (own) return own;
  return url === '' ? 'generated decoder, addon' : 'libraries';
}
