import type { EventBatchData } from '../../../plugins/sdk/index.js';
import { Fifo } from '../fifo.js';
import type { Item, Store } from '../store.js';
import { canMerge, merge } from './merge.js';
import { sizeOf } from './size.js';
import { split } from './split.js';

/** When a batch is big enough, or old enough, to be written. */
export interface BatchLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** ms that the first event of a batch waits for others. */
  readonly maxWait: number;
}

/** What is written at once: a batch as it was drained, several of one map, or a piece of one. */
export interface Unit {
  readonly batch: EventBatchData;
  readonly parts: readonly Part[];
}

/** An item of the store, or a piece of one. */
export interface Part {
  readonly batch: EventBatchData;
  readonly item: Item;
}

interface Group {
  readonly key: string;
  readonly parts: Part[];
  readonly since: number;
  events: number;
  bytes: number;
}

/** How much more than one batch may wait to become one, over all maps. */
const HELD = 4;

/**
 * Makes of the batches of a store those that a sink is given. Without limits they are the same. With them, small
 * ones of one map are put together until there are enough events, enough bytes, or the first has waited long enough,
 * and bigger ones are cut. The order within a map is kept.
 */
export class Assembler {
  private readonly growing = new Map<string, Group>();
  private readonly ready = new Fifo<Group>();
  /** Of items that were cut: pieces that are not settled, and whether one was lost. */
  private readonly cut = new Map<Item, { left: number; lost: boolean }>();
  private held = 0;
  private timer: NodeJS.Timeout | undefined;
  private hurried = false;

  constructor(
    private readonly store: Store,
    private readonly limits: BatchLimits | undefined,
    /** A batch has waited long enough. */
    private readonly onDue: () => void,
  ) {}

  take(): Unit | undefined {
    const { limits } = this;
    for (let group = this.ready.shift(); ; group = this.ready.shift()) {
      if (group) return this.unit(group);
      const item = this.store.take();
      if (!item) break;
      if (!limits) return { batch: item.batch, parts: [{ batch: item.batch, item }] };
      this.add(item, limits);
    }
    return limits && this.due(limits);
  }

  /** The unit was delivered, or lost for good. */
  settle({ parts }: Unit, delivered: boolean): void {
    for (const { item } of parts) {
      const pieces = this.cut.get(item) ?? { left: 1, lost: false };
      pieces.left--;
      pieces.lost ||= !delivered;
      if (pieces.left > 0) continue;
      this.cut.delete(item);
      if (!pieces.lost) item.release?.();
      this.store.settle(item);
    }
  }

  /** From now on nothing waits to grow. */
  hurry(): void {
    this.hurried = true;
    clearTimeout(this.timer);
  }

  /** What was taken from the store and never written. */
  rest(): readonly Part[] {
    this.hurry();
    const groups = [...this.growing.values()];
    for (let group = this.ready.shift(); group; group = this.ready.shift()) groups.push(group);
    this.growing.clear();
    return groups.flatMap((group) => group.parts);
  }

  private add(item: Item, { maxEvents, maxBytes }: BatchLimits): void {
    const batches = split(item.batch, maxEvents, maxBytes);
    if (batches.length > 1) this.cut.set(item, { left: batches.length, lost: false });
    for (const batch of batches) {
      const bytes = batches.length > 1 ? sizeOf(batch) : item.bytes;
      const key = `${batch.probe}\0${batch.map}`;
      let group = this.growing.get(key);
      if (group) {
        const tooBig = group.events + batch.count > maxEvents || group.bytes + bytes > maxBytes;
        if (tooBig || !canMerge(group.parts[0]!.batch, batch)) {
          this.finish(group);
          group = undefined;
        }
      }
      if (!group) {
        group = { key, parts: [], since: item.since, events: 0, bytes: 0 };
        this.growing.set(key, group);
      }
      group.parts.push({ batch, item });
      group.events += batch.count;
      group.bytes += bytes;
      this.held += bytes;
      if (group.events >= maxEvents || group.bytes >= maxBytes) this.finish(group);
    }
  }

  private finish(group: Group): void {
    this.growing.delete(group.key);
    this.ready.push(group);
  }

  private due({ maxWait, maxBytes }: BatchLimits): Unit | undefined {
    clearTimeout(this.timer);
    const [oldest] = [...this.growing.values()].sort((a, b) => a.since - b.since);
    if (!oldest) return undefined;
    const wait = oldest.since + maxWait - performance.now();
    if (this.hurried || wait <= 0 || this.store.full || this.held > HELD * maxBytes) {
      this.growing.delete(oldest.key);
      return this.unit(oldest);
    }
    this.timer = setTimeout(this.onDue, Math.ceil(wait));
    this.timer.unref();
    return undefined;
  }

  private unit({ parts, bytes }: Group): Unit {
    this.held -= bytes;
    const [first] = parts;
    return {
      batch: first && parts.length === 1 ? first.batch : merge(parts.map((part) => part.batch)),
      parts,
    };
  }
}
