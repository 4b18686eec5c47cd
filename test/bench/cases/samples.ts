import type { Figures, Sample } from '../case.js';
import type { Outcome } from '../load.js';

/** Records a second, and what became of the others. */
export const throughput = ({ delivered, seconds, lost, cpu }: Outcome): Sample => ({
  value: delivered / seconds,
  also: { 'lost share': lost / (lost + delivered), 'CPU ns a record': (cpu / delivered) * 1e9 },
});

/** CPU of a record, ns, at a pace that both bear: steadier than a rate on a machine that others use. */
export const cost = ({ cpu, delivered }: Outcome): Sample => ({ value: (cpu / delivered) * 1e9 });

/** As the kernel names them: those of node are all called so. */
const THREADS: Readonly<Record<string, string>> = { main: 'main thread', node: 'workers and pool' };

/** A figure a thread, named with its unit. */
export function byThread(
  threads: ReadonlyMap<string, number>,
  unit: string,
  figure: (seconds: number) => number,
): Figures {
  const rows = [...threads].filter(([, seconds]) => seconds > 0);
  return Object.fromEntries(
    rows.map(([name, seconds]) => [`${THREADS[name] ?? name}, ${unit}`, figure(seconds)]),
  );
}
