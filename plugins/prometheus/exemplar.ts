import type { Exemplar, Series } from '../sdk/index.js';
import { labelText } from './label-text.js';

const SECOND = 1_000_000_000n;

/** What stands behind a sample: ` # {pid="7"} 0.25 1520879607.789000000` (OpenMetrics 1.0, "Exemplars"). */
export function exemplarText(exemplar: Exemplar | undefined): string {
  if (!exemplar) return '';
  const { labels, value, time } = exemplar;
  const nanos = String(time % SECOND).padStart(9, '0');
  return ` # {${labelText(labels)}} ${sample(value)} ${time / SECOND}.${nanos}`;
}

/** By bucket of these bounds, the last being +Inf, the newest. */
export function exemplarsByBucket(
  { exemplars = [] }: Series,
  bounds: readonly number[],
): (Exemplar | undefined)[] {
  const byBucket: (Exemplar | undefined)[] = [];
  for (const exemplar of exemplars) {
    const found = bounds.findIndex((bound) => exemplar.value <= bound);
    const bucket = found < 0 ? bounds.length : found;
    const before = byBucket[bucket];
    if (!before || before.time <= exemplar.time) byBucket[bucket] = exemplar;
  }
  return byBucket;
}

function sample(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : `${value}`;
}
