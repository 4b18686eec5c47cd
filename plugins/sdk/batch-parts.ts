import type { WriteResult } from './sink.js';
import { checkWriteResult } from './write-result.js';

/** What a destination said to a part of a batch; `split`: something in it is at fault, or it is too large. */
export type PartResult =
  | WriteResult
  | { readonly status: 'split'; readonly error: string; readonly tooLarge?: boolean };

/** The events from one index up to another. */
interface Part {
  readonly from: number;
  readonly to: number;
}

interface Progress {
  readonly waiting: Part[];
  splits: number;
  /** Whether any part was taken, or rejected within a success. */
  taken: boolean;
  rejected: number;
  error: string | undefined;
}

/** Of one batch. Twice as many requests, and one, are made at most: what is not told apart by then counts as lost. */
const MAX_SPLITS = 128;
/** As long as no part was taken, and not for its size: it may be that none ever is. */
const MAX_IN_VAIN = 32;

/**
 * Writes batches in parts where the destination does not take them whole: a part that is to be split goes again as
 * two halves, down to single events, which count as rejected. An attempt that ends early is gone on with by the next
 * one of the same batch: what was taken is not sent again.
 * @example
 * const parts = new BatchParts();
 * write: (batch, { signal }) => parts.write(batch.data, batch.count, async (from, to) => {
 *   const status = await post(batch, from, to, signal);
 *   return status === 413 ? { status: 'split', error: 'too large', tooLarge: true } : { status: 'ok' };
 * })
 */
export class BatchParts {
  readonly #unfinished = new WeakMap<object, Progress>();

  /**
   * `batch`: what is the same object when the same batch comes again. `settled` is told of each part that will not be
   * sent again, at once: of how many, and how many of these were rejected. Throws what `send` throws, and a TypeError
   * where it answers what is no {@link PartResult}: the part is sent again by the next attempt then.
   */
  async write(
    batch: object,
    count: number,
    send: (from: number, to: number) => Promise<PartResult>,
    settled: (count: number, rejected: number) => void = () => {},
  ): Promise<WriteResult> {
    const progress = this.#unfinished.get(batch) ?? {
      waiting: [{ from: 0, to: count }],
      splits: 0,
      taken: false,
      rejected: 0,
      error: undefined,
    };
    this.#unfinished.set(batch, progress);
    const { waiting } = progress;
    for (let part = waiting[0]; part !== undefined; part = waiting[0]) {
      const result = checked(await send(part.from, part.to));
      if (result.status === 'retry' || result.status === 'closed') return result;
      const rejected = settle(progress, part, result);
      if (rejected !== undefined) settled(part.to - part.from, rejected);
    }
    this.#unfinished.delete(batch);
    const { rejected, taken, error } = progress;
    if (rejected === 0) return { status: 'ok' };
    const why = error === undefined ? {} : { error };
    return taken ? { status: 'ok', rejected, ...why } : { status: 'drop', ...why };
  }
}

/** Plain JavaScript answers anything. */
function checked(result: PartResult): PartResult {
  return (result as PartResult | undefined)?.status === 'split' ? result : checkWriteResult(result, 'send');
}

/** How many were rejected; undefined where the part goes again as two. */
function settle(
  progress: Progress,
  { from, to }: Part,
  result: Exclude<PartResult, { status: 'retry' | 'closed' }>,
): number | undefined {
  const { waiting } = progress;
  waiting.shift();
  progress.error = result.error ?? progress.error;
  let rejected = to - from;
  if (result.status === 'ok') {
    progress.taken = true;
    rejected = Math.min(result.rejected ?? 0, rejected);
  } else if (result.status === 'split' && rejected > 1) {
    const mostSplits = progress.taken || result.tooLarge ? MAX_SPLITS : MAX_IN_VAIN;
    if (progress.splits < mostSplits) {
      progress.splits++;
      const middle = (from + to) >> 1;
      // Behind the others: where there are too many splits, all parts are as small as they may be.
      waiting.push({ from, to: middle }, { from: middle, to });
      return undefined;
    }
  }
  progress.rejected += rejected;
  return rejected;
}
