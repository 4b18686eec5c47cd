import type { WriteResult } from './sink.js';

/** What a destination said to a part of a batch; `split`: it is too big, or something in it is at fault. */
export type PartResult = WriteResult | { readonly status: 'split'; readonly error: string };

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
/** As long as no part was taken: it may be that none ever is. */
const MAX_IN_VAIN = 32;

/**
 * Writes batches in parts where the destination does not take them whole: a part that is to be split goes again as
 * two halves, down to single events, which count as rejected. An attempt that ends early is gone on with by the next
 * one of the same batch: what was taken is not sent again.
 * @example
 * const parts = new BatchParts();
 * write: (batch, { signal }) => parts.write(batch.data, batch.count, async (from, to) => {
 *   const status = await post(batch, from, to, signal);
 *   return status === 413 ? { status: 'split', error: 'too large' } : { status: 'ok' };
 * })
 */
export class BatchParts {
  readonly #unfinished = new WeakMap<object, Progress>();

  /** `batch`: what is the same object when the same batch comes again. */
  async write(
    batch: object,
    count: number,
    send: (from: number, to: number) => Promise<PartResult>,
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
      const result = await send(part.from, part.to);
      if (result.status === 'retry' || result.status === 'closed') return result;
      settle(progress, part, result);
    }
    this.#unfinished.delete(batch);
    const { rejected, taken, error } = progress;
    if (rejected === 0) return { status: 'ok' };
    const why = error === undefined ? {} : { error };
    return taken ? { status: 'ok', rejected, ...why } : { status: 'drop', ...why };
  }
}

function settle(
  progress: Progress,
  { from, to }: Part,
  result: Exclude<PartResult, { status: 'retry' | 'closed' }>,
): void {
  const { waiting } = progress;
  waiting.shift();
  progress.error = result.error ?? progress.error;
  if (result.status === 'ok') {
    progress.taken = true;
    progress.rejected += Math.min(result.rejected ?? 0, to - from);
    return;
  }
  const maySplit = progress.splits < (progress.taken ? MAX_SPLITS : MAX_IN_VAIN);
  if (result.status === 'split' && to - from > 1 && maySplit) {
    progress.splits++;
    const middle = (from + to) >> 1;
    // Behind the others: where there are too many splits, all parts are as small as they may be.
    waiting.push({ from, to: middle }, { from: middle, to });
  } else progress.rejected += to - from;
}
