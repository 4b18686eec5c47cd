import { median } from './measure.js';

/** How a cost grows with one size, all else the same. */
export interface GrowthCase {
  readonly name: string;
  readonly what: string;
  readonly x: string;
  readonly y: string;
  readonly sizes: readonly number[];
  /** Whether a cost is that of all `x` together, or of one piece of work beside so many `x`. */
  readonly cost: 'of all' | 'of one';
  /** Runs unless `--runs` says otherwise. */
  readonly runs?: number;
  measure(size: number): Promise<number>;
}

export interface GrowthResult {
  readonly name: string;
  readonly what: string;
  /** Cost at the largest size. */
  readonly value: number;
  readonly unit: string;
  /** Cost of a piece at the smallest size to that at the largest: 1 where cost grows as the size does, above where slower. */
  readonly ratio: number;
  readonly reference: string;
  readonly referenceValue: number;
  readonly x: string;
  readonly y: string;
  readonly points: readonly (readonly [size: number, cost: number])[];
  readonly runs: number;
}

/** Sizes in turn, so many times over: what the machine does meanwhile is spread over all of them. */
export async function measureGrowth(growth: GrowthCase, runs: number): Promise<GrowthResult> {
  const { name, what, x, y, sizes } = growth;
  const costs = sizes.map((): number[] => []);
  for (let run = 0; run < runs; run++)
    for (const [i, size] of sizes.entries()) costs[i]!.push(await growth.measure(size));
  const points = sizes.map((size, i) => [size, median(costs[i]!)] as const);
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) throw new Error(`${name} has no sizes`);
  const piece = ([size, cost]: readonly [number, number]): number =>
    growth.cost === 'of all' ? cost / size : cost;
  return {
    ...{ name, what, x, y, points, runs },
    value: last[1],
    unit: y,
    ratio: piece(first) / piece(last),
    reference: `${first[0].toLocaleString('en')} ${x}${growth.cost === 'of all' ? ', each' : ''}`,
    referenceValue: first[1],
  };
}
