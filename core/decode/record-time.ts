import { DecodeError } from './error.js';
import { generate } from './generate.js';
import { leafAt } from './leaves.js';
import type { ClockOffsets, DecodePlan } from './plan.js';
import { type Memory, readWide } from './read.js';
import { TimeBase } from './time.js';

/** The time of a record: its own, or the drain's. */
export class RecordTime {
  readonly base = new TimeBase();
  private readonly clock: 'ktime' | 'boottime' | undefined;
  /** Of statements of generated code that set `base` to the time of the record at `o`, where it has its own. */
  readonly source: string | undefined;
  private readonly read: ((m: Memory, o: number, base: TimeBase) => void) | undefined;

  constructor({ record, timestamp }: DecodePlan) {
    this.clock = timestamp?.clock;
    if (!timestamp) return;
    const { node, offset } = leafAt(record, timestamp.path);
    if (node.kind !== 'int' || node.size !== 8 || node.bits) {
      throw new DecodeError('BAD_PLAN', `the timestamp "${timestamp.path.join('.')}" is no 64-bit integer`);
    }
    this.source = `${readWide(node, 'o', offset)}base.convert(lo,hi);`;
    this.read = generate('m,o,base', this.source);
  }

  /** Whether records have a time of their own. */
  get own(): boolean {
    return this.read !== undefined;
  }

  /** Before the first record of a drain, which was at `time`, Unix ns. */
  begin(clock: ClockOffsets, time: bigint): void {
    if (this.clock) this.base.use(clock, this.clock);
    else this.base.set(time);
  }

  /** Set `base` to the time of the record at `o`. */
  at(m: Memory, o: number): void {
    this.read?.(m, o, this.base);
  }
}
