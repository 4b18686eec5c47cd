import type { BenchCase, BenchOptions, BenchResult, Figures, Sample, Target } from './case.js';

interface Pair {
  readonly ours: Sample;
  readonly theirs: Sample;
}

/**
 * Run a case: ours and the reference in turn, each first in every second run; medians of each, and the median of the
 * ratios pair by pair.
 */
export async function measure(bench: BenchCase, runs: number, options: BenchOptions): Promise<BenchResult> {
  const prepared = await bench.prepare(options);
  const { reference } = prepared;
  const measureTheirs = async (): Promise<Sample> => {
    const sample = 'measure' in reference ? await reference.measure() : { value: reference.published };
    if (!Number.isFinite(sample.value) || sample.value <= 0)
      throw new Error(`the reference failed: it measured ${sample.value}`);
    return sample;
  };
  const pairs: Pair[] = [];
  try {
    for (let run = 0; run < runs; run++) {
      const early = run % 2 === 1 ? await measureTheirs() : undefined;
      const ours = await prepared.ours();
      pairs.push({ ours, theirs: early ?? (await measureTheirs()) });
    }
  } finally {
    await prepared.end?.();
  }
  return summary(bench, reference.what, !('measure' in reference), pairs);
}

function summary(
  { name, what, unit, better, target }: BenchCase,
  reference: string,
  published: boolean,
  pairs: readonly Pair[],
): BenchResult {
  const ours = pairs.map((pair) => pair.ours);
  const theirs = pairs.map((pair) => pair.theirs);
  const value = median(ours.map((one) => one.value));
  const ratio = median(
    pairs.map((pair) =>
      better === 'higher' ? pair.ours.value / pair.theirs.value : pair.theirs.value / pair.ours.value,
    ),
  );
  const also = figures(ours, target?.most);
  const referenceAlso = figures(theirs);
  return {
    name,
    what,
    value,
    unit,
    ratio,
    reference,
    referenceValue: median(theirs.map((one) => one.value)),
    published,
    ...(target
      ? { target: target.text, met: isMet(target, { value, ratio, better, also: also ?? {} }) }
      : {}),
    ...(also ? { also } : {}),
    ...(referenceAlso ? { referenceAlso } : {}),
    runs: pairs.length,
  };
}

/** Medians of the further figures; of those that have a limit, the highest. */
function figures(samples: readonly Sample[], limited: Figures = {}): Figures | undefined {
  const names = new Set(samples.flatMap(({ also }) => Object.keys(also ?? {})));
  if (names.size === 0) return undefined;
  return Object.fromEntries(
    [...names].map((name) => {
      const values = samples.flatMap(({ also }) => also?.[name] ?? []);
      return [name, name in limited ? Math.max(...values) : median(values)];
    }),
  );
}

export function isMet(
  target: Target,
  measured: {
    readonly value: number;
    readonly ratio: number;
    readonly better: 'higher' | 'lower';
    readonly also: Figures;
  },
): boolean {
  const { value, ratio, better, also } = measured;
  return (
    (target.ratio === undefined || ratio >= target.ratio) &&
    (target.value === undefined || (better === 'higher' ? value >= target.value : value <= target.value)) &&
    Object.entries(target.most ?? {}).every(
      ([name, limit]) => (also[name] ?? Number.POSITIVE_INFINITY) <= limit,
    )
  );
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
