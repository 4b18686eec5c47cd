import type { Layout } from '../bpf/index.js';
import { columnLeaves } from './leaves.js';
import { OpenRing } from './open-ring.js';
import type { DecodePlan } from './plan.js';
import type { TailChunk } from './tail.js';
import type { DrainResult, DrainTask } from './tasks.js';

/** What one drain here may take on: as a rule well below a millisecond, once V8 has compiled the decoder. */
const MAX_RECORDS = 64;
const MAX_BYTES = 2 << 10;
/** Of one record: its bytes; and its values, of which the decoder's code is made, and its compilation takes as long. */
const MAX_SIZE = 1 << 10;
const MAX_VALUES = 64;
/** ms that drains of all rings may hold the main thread before others have their turn, and their share of it in the long run. */
const HOLD_MS = 1;
const SHARE = 0.25;
/** ms for which a ring is left to its worker when a drain has failed here. */
const REST_MS = 1_000;

/** Time of the main thread that small drains have left: little at once, and little in the long run. All rings share it. */
export class Allowance {
  private left = HOLD_MS;
  private since: number;

  /** `now`: a clock, ms. */
  constructor(readonly now: () => number = () => performance.now()) {
    this.since = now();
  }

  get isSpent(): boolean {
    const now = this.now();
    this.left = Math.min(HOLD_MS, this.left + (now - this.since) * SHARE);
    this.since = now;
    return this.left <= 0;
  }

  spend(ms: number): void {
    this.left -= ms;
  }
}

/**
 * Drains of one ring on the main thread, of so few records that to wake a worker and be woken by it would take ten times
 * as long as to decode them. Whatever is more, or goes wrong here, is the worker's: it has the same decoder, and can
 * be repeated, searched or replaced.
 */
export class SmallDrains {
  private ring: OpenRing | undefined;
  private readonly table = {
    offsets: new Uint32Array(MAX_RECORDS),
    lengths: new Uint32Array(MAX_RECORDS),
  };
  private readonly isEligible: boolean;
  private restUntil = Number.NEGATIVE_INFINITY;
  /** Drains made here so far, and those of which the worker was left to find out what is wrong. */
  count = 0;
  failures = 0;

  constructor(
    private readonly fd: number,
    private readonly plan: DecodePlan,
    private readonly tailLimit: number,
    private readonly allowance: Allowance,
  ) {
    // A second group table would hold every series twice, and nobody waits for a record that is only folded.
    this.isEligible =
      plan.group === undefined && plan.record.size <= MAX_SIZE && valuesOf(plan.record) <= MAX_VALUES;
  }

  /** `bytes`: what waits in the ring. Undefined: the worker is to do it. */
  drain(bytes: number, task: () => Omit<DrainTask, 'kind' | 'id' | 'spares'>): DrainResult | undefined {
    if (!this.isEligible || bytes > MAX_BYTES) return undefined;
    const { allowance } = this;
    if (allowance.isSpent) return undefined;
    const begun = allowance.now();
    if (begun < this.restUntil) return undefined;
    try {
      this.ring ??= new OpenRing(this.fd, this.plan, this.tailLimit);
      const result = this.ring.drain({ ...task(), maxBytes: MAX_BYTES, spares: NO_SPARES }, this.table);
      this.count++;
      return result;
    } catch {
      // The worker will meet the same record, and tell.
      this.failures++;
      this.restUntil = begun + REST_MS;
      return undefined;
    } finally {
      allowance.spend(allowance.now() - begun);
    }
  }

  /** Of what was drained here, the last events: at least `limit`, where there are so many. */
  tail(limit: number): readonly TailChunk[] {
    return this.ring?.form.tail?.last(limit) ?? [];
  }

  /** Unmaps. Idempotent. */
  close(): void {
    this.ring?.close();
    this.ring = undefined;
  }
}

/** Numbers and strings of a record, each element of an array for itself. */
function valuesOf(record: Layout): number {
  return columnLeaves(record).reduce(
    (sum, { dims }) => sum + dims.reduce((all, length) => all * length, 1),
    0,
  );
}

/** What is made is small: it is copied out, and large buffers are kept for large drains. */
const NO_SPARES = { lines: null, columns: null, groups: null };
