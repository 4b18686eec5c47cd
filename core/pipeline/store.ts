import type { EventBatchData } from '../../plugins/sdk/index.js';
import type { LossReason } from './types.js';

/** A batch that was taken in, as it was drained. */
export interface Item {
  readonly batch: EventBatchData;
  /** Of memory, with what keeping it costs. */
  readonly bytes: number;
  /** When it came, of performance.now(). */
  readonly since: number;
  /** Called when nobody here looks at the batch any more, so that its memory may be written again; never of a lost one. */
  readonly release?: (() => void) | undefined;
}

/** What a full store does with one more batch. */
export type WhenFull = 'drop_newest' | 'drop_oldest' | 'block';

/** What a store tells its outlet. */
export interface StoreEvents {
  /** An earlier run left so many events. */
  recovered(of: Pick<EventBatchData, 'probe' | 'map' | 'count'>): void;
  /** Batches, or so many events of a map, were given up. */
  lost(of: Pick<EventBatchData, 'probe' | 'map' | 'count'>, reason: LossReason): void;
  /** {@link Store.take} may give something now. */
  ready(): void;
}

/** Batches that wait for a sink, first in, first out; bounded. Never throws. */
export interface Store {
  /** Make it ready; what is pushed meanwhile waits in memory. Rejects where it cannot be used at all. */
  open(): Promise<void>;
  /** Takes the batch, or tells what is lost instead. A blocking store takes it always: see {@link room}. */
  push(batch: EventBatchData, release?: () => void): void;
  /** The next one, which is the caller's until it is settled. */
  take(): Item | undefined;
  /** Delivered, or lost for good: it need not be kept. */
  settle(item: Item): void;
  readonly full: boolean;
  /** Nothing waits, and nothing is on its way from or to the disk. */
  readonly idle: boolean;
  /** Whether the item, not delivered by the end, is there at the next start, instead of lost. */
  keeps(item: Item): boolean;
  /** Undefined while there is room, or where nobody is to wait; else resolves when there is room again, or at the end. */
  room(): Promise<void> | undefined;
  /** Give up, or keep, what still waits; `deadline` in ms. Every room is free after that. */
  close(reason: LossReason, deadline: number): Promise<void>;
}

/** Those who wait for room. */
export class Waiting {
  private resolve: (() => void) | undefined;
  private promise: Promise<void> | undefined;

  wait(): Promise<void> {
    this.promise ??= new Promise((resolve) => {
      this.resolve = resolve;
    });
    return this.promise;
  }

  free(): void {
    this.resolve?.();
    this.promise = undefined;
    this.resolve = undefined;
  }
}
