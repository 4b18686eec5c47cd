import type { HistogramValue } from '../../../../plugins/sdk/index.js';
import { valueText } from './numbers.js';

/** One bucket as it is drawn. */
export interface Bar {
  /** `≤ 1.5ms`, `> 5000` */
  readonly label: string;
  readonly count: number;
  /** Share of the fullest bucket, 0 to 1. */
  readonly share: number;
}

/** The buckets from the first that holds something to the last; those that are empty at both ends tell nothing. */
export function bars({ bounds, counts }: HistogramValue, unit: string | undefined): Bar[] {
  const [first, last] = filled(counts);
  const most = Math.max(1, ...counts);
  return counts.slice(first, last + 1).map((count, i) => {
    const bound = bounds[first + i];
    const lower = bounds.at(-1);
    const label =
      bound !== undefined
        ? `≤ ${valueText(bound, unit)}`
        : lower === undefined
          ? 'all'
          : `> ${valueText(lower, unit)}`;
    return { label, count, share: count / most };
  });
}

/** How many bars {@link bars} gives. */
export function barCount({ counts }: HistogramValue): number {
  const [first, last] = filled(counts);
  return last - first + 1;
}

function filled(counts: readonly number[]): [first: number, last: number] {
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return [0, 0];
  return [first, counts.findLastIndex((count) => count > 0)];
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of `width` columns at a share of 1; what is not nothing is seen. */
export function barText(share: number, width: number): string {
  if (share <= 0 || width <= 0) return '';
  const eighths = Math.max(1, Math.round(share * width * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
