import type { BenchCase, BenchOptions, BenchResult, Sample } from './case.js';

/** Run a case: ours and the reference in turn, medians of each, and the median of the ratios pair by pair. */
export async function measure(bench: BenchCase, runs: number, options: BenchOptions): Promise<BenchResult> {
  const prepared = await bench.prepare(options);
  const { reference } = prepared;
  const ours: Sample[] = [];
  const theirs: number[] = [];
  try {
    for (let run = 0; run < runs; run++) {
      ours.push(await prepared.ours());
      const value = 'measure' in reference ? (await reference.measure()).value : reference.published;
      if (!Number.isFinite(value) || value <= 0)
        throw new Error(`the reference failed: it measured ${value}`);
      theirs.push(value);
    }
  } finally {
    await prepared.end?.();
  }
  const ratio = median(
    ours.map(({ value }, i) => (bench.better === 'higher' ? value / theirs[i]! : theirs[i]! / value)),
  );
  const names = Object.keys(ours[0]?.also ?? {});
  const also = Object.fromEntries(
    names.map((name) => [name, median(ours.map((one) => one.also?.[name] ?? 0))]),
  );
  return {
    name: bench.name,
    what: bench.what,
    value: median(ours.map(({ value }) => value)),
    unit: bench.unit,
    ratio,
    reference: reference.what,
    referenceValue: median(theirs),
    published: !('measure' in reference),
    ...(bench.target ? { target: bench.target.text, met: isMet(bench.target, ratio, also) } : {}),
    ...(names.length > 0 ? { also } : {}),
    runs,
  };
}

function isMet(
  { ratio, most = {} }: NonNullable<BenchCase['target']>,
  measured: number,
  also: Readonly<Record<string, number>>,
): boolean {
  return (
    measured >= ratio &&
    Object.entries(most).every(([name, limit]) => (also[name] ?? Number.POSITIVE_INFINITY) <= limit)
  );
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
