import type { EventBatchData } from '../../plugins/sdk/index.js';
import { sizeOf } from './batch/size.js';
import { Fifo } from './fifo.js';
import { type Item, type Store, type StoreEvents, Waiting, type WhenFull } from './store.js';
import type { LossReason } from './types.js';

export interface MemoryLimits {
  readonly batches: number;
  readonly bytes: number;
  /** Where small batches are put together, many of them are one to the sink. Default: no limit. */
  readonly events?: number | undefined;
  readonly whenFull: WhenFull;
}

/** Batches that wait in memory: gone with the process. */
export class MemoryStore implements Store {
  private readonly waiting = new Fifo<Item>();
  private readonly rooms = new Waiting();
  private bytes = 0;
  private events = 0;
  private closed = false;

  constructor(
    private readonly limits: MemoryLimits,
    private readonly on: StoreEvents,
  ) {}

  async open(): Promise<void> {}

  get full(): boolean {
    return !this.fits(0, 0, 0);
  }

  get idle(): boolean {
    return this.waiting.length === 0;
  }

  /** A batch that alone is bigger than the store is let into an empty one. */
  push(batch: EventBatchData, release?: () => void): void {
    const bytes = sizeOf(batch);
    const fits = (): boolean => this.waiting.length === 0 || this.fits(1, bytes, batch.count);
    if (this.limits.whenFull === 'drop_oldest') {
      while (!fits()) {
        const oldest = this.take();
        if (oldest) this.on.lost(oldest.batch, 'queue_full');
      }
    } else if (this.limits.whenFull === 'drop_newest' && !fits()) {
      this.on.lost(batch, 'queue_full');
      return;
    }
    this.waiting.push({ batch, bytes, since: performance.now(), release });
    this.bytes += bytes;
    this.events += batch.count;
    this.on.ready();
  }

  take(): Item | undefined {
    const item = this.waiting.shift();
    if (!item) return undefined;
    this.bytes -= item.bytes;
    this.events -= item.batch.count;
    if (!this.full) this.rooms.free();
    return item;
  }

  settle(): void {}

  keeps(): boolean {
    return false;
  }

  room(): Promise<void> | undefined {
    if (this.limits.whenFull !== 'block' || this.closed || !this.full) return undefined;
    return this.rooms.wait();
  }

  async close(reason: LossReason): Promise<void> {
    this.closed = true;
    for (let item = this.take(); item; item = this.take()) this.on.lost(item.batch, reason);
    this.rooms.free();
  }

  private fits(more: number, bytes: number, events: number): boolean {
    const { limits } = this;
    // Asked of nothing more, whether one that is small would fit.
    const least = more === 0 ? 1 : 0;
    if (this.bytes + bytes + least > limits.bytes) return false;
    return limits.events === undefined
      ? this.waiting.length + more + least <= limits.batches
      : this.events + events + least <= limits.events;
  }
}
