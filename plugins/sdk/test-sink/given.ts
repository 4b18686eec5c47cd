import { isDeepStrictEqual } from 'node:util';
import type { MetricBatch } from '../metrics.js';
import type { Accepts } from '../sink.js';
import { sampleEvents, sampleMetrics } from './sample.js';
import { WatchedBatch } from './watched-batch.js';

/** Batches that a sink was given, each with a copy, to compare with as long as it may hold them. */
export class GivenBatches {
  private readonly given: { readonly what: string; readonly batch: object; readonly copy: object }[] = [];

  events(rows: number, accepts: Accepts, labelled: boolean): WatchedBatch {
    const data = sampleEvents(rows, accepts.events || [], labelled);
    this.given.push({ what: 'an event batch', batch: data, copy: copyOf(data) });
    return new WatchedBatch(data, accepts);
  }

  metrics(): MetricBatch {
    const batch = sampleMetrics();
    this.given.push({ what: 'a metric batch', batch, copy: copyOf(batch) });
    return batch;
  }

  /** What each of those is that are no longer as they were. */
  get changed(): string[] {
    return this.given.filter(({ batch, copy }) => !isDeepStrictEqual(batch, copy)).map(({ what }) => what);
  }
}

/** Detached from what it was copied of, transferred buffers included. */
export function copyOf<T>(value: T): T {
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}
