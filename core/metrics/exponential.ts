import type { HistogramValue } from '../../plugins/sdk/index.js';

/**
 * Buckets an octave, as a power of two: 19 % wide each. The OpenTelemetry SDK, which begins finer and merges until
 * 160 buckets suffice, ends here for anything that spans 20 to 40 octaves.
 */
const SCALE = 2;
const PER_OCTAVE = 2 ** SCALE;
const MAX_BUCKETS = 160;
const BITS = 64;

/**
 * How unsigned integers of 64 bits are counted in the buckets of an OpenTelemetry exponential histogram (data model,
 * "ExponentialHistogram"), whose bounds are powers of 2^(1/4) of the family's unit: an integer is at most such a power
 * exactly when it is at most its integral part, so explicit bounds of integers count the very same.
 */
export interface ExponentialLayout {
  /** Upper bounds in raw units: 0, then the integral parts, each once. The last one is beyond 64 bits. */
  readonly bounds: readonly number[];
  /** The exponential bucket that ends at each bound but the first. */
  readonly indices: readonly number[];
  /** Upper bounds in the family's unit for whoever has no exponential histograms: 0, then whole powers of two. */
  readonly octaves: readonly number[];
}

/** `divisor`: raw values divided by it are in the family's unit. */
export function exponentialLayout(divisor: number): ExponentialLayout {
  const bounds = [0];
  const indices: number[] = [];
  const end = 2 ** BITS;
  for (let i = Math.floor(-PER_OCTAVE * Math.log2(divisor)) - 1; bounds.at(-1)! < end; i++) {
    const bound = Math.floor(divisor * 2 ** (i / PER_OCTAVE));
    if (bound <= bounds.at(-1)!) continue;
    bounds.push(bound);
    indices.push(i - 1);
  }
  const octaves = [0];
  for (let k = octaveOf(indices[0]!); k <= octaveOf(indices.at(-1)!); k++) octaves.push(2 ** k);
  return { bounds, indices, octaves };
}

/** The power of two that an exponential bucket lies below. */
function octaveOf(index: number): number {
  return Math.floor(index / PER_OCTAVE) + 1;
}

/** `buckets`: counts by the layout's bounds. */
export function exponentialValue(
  { indices, octaves }: ExponentialLayout,
  buckets: ArrayLike<number>,
): Pick<HistogramValue, 'bounds' | 'counts' | 'exponential'> {
  const counts = new Array<number>(octaves.length + 1).fill(0);
  const zeroCount = buckets[0]!;
  counts[0] = zeroCount;
  const firstOctave = octaveOf(indices[0]!);
  let first = -1;
  let last = -1;
  for (let i = 0; i < indices.length; i++) {
    const count = buckets[i + 1]!;
    if (count === 0) continue;
    if (first < 0) first = i;
    last = i;
    counts[octaveOf(indices[i]!) - firstOctave + 1]! += count;
  }
  if (first < 0)
    return { bounds: octaves, counts, exponential: { scale: SCALE, zeroCount, offset: 0, counts: [] } };
  // A scale less, two buckets become one.
  let shift = 0;
  while ((indices[last]! >> shift) - (indices[first]! >> shift) >= MAX_BUCKETS) shift++;
  const offset = indices[first]! >> shift;
  const fine = new Array<number>((indices[last]! >> shift) - offset + 1).fill(0);
  for (let i = first; i <= last; i++) fine[(indices[i]! >> shift) - offset]! += buckets[i + 1]!;
  return {
    bounds: octaves,
    counts,
    exponential: { scale: SCALE - shift, zeroCount, offset, counts: fine },
  };
}
