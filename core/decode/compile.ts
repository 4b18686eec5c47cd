import { DecodeError } from './error.js';
import { ColumnFiller } from './forms/column-filler.js';
import { Grouper } from './forms/grouper.js';
import { LineWriter } from './forms/line-writer.js';
import type { ClockOffsets, DecodeOutput, DecodePlan, RecordSet, Spares } from './plan.js';
import { RecordTime } from './record-time.js';
import { Selector } from './selector.js';

/** Decodes the records of one map. Holds buffers and the group table; not to be shared between threads. */
export interface Decoder {
  /** `time`: Unix ns of the drain, for records that have no time of their own. */
  decode(records: RecordSet, clock: ClockOffsets, time: bigint, spares?: Spares): DecodeOutput;
  /** Indices of the records that are whole and pass the filter. */
  passed(records: RecordSet): Uint32Array;
  /** Forget every group: the next output begins a new epoch. */
  reset(): void;
}

/** Larger records are refused when the plan is made, not when the memory is gone. The kernel's own limit for a hash is 4 MiB. */
const MAX_RECORD = 16 << 20;

/** Throws {@link DecodeError} for a filter with mistakes, or a plan that names what is not there. */
export function compilePlan(plan: DecodePlan): Decoder {
  const { size, typeName } = plan.record;
  if (size > MAX_RECORD) {
    throw new DecodeError(
      'LAYOUT',
      `a record of ${plan.map} (${typeName || 'its type'}) has ${size} bytes: at most ${MAX_RECORD} are decoded`,
    );
  }
  return new CompiledDecoder(plan);
}

class CompiledDecoder implements Decoder {
  private readonly selector: Selector;
  private readonly lines: LineWriter | undefined;
  private readonly columns: ColumnFiller | undefined;
  private readonly grouper: Grouper | undefined;

  constructor(plan: DecodePlan) {
    this.selector = new Selector(plan);
    const time = new RecordTime(plan);
    if (plan.ndjson) this.lines = new LineWriter(plan, time);
    if (plan.columns !== 'none') this.columns = new ColumnFiller(plan, time);
    if (plan.group) this.grouper = new Grouper(plan, plan.group);
  }

  decode(records: RecordSet, clock: ClockOffsets, time: bigint, spares?: Spares): DecodeOutput {
    const selected = this.selector.of(records);
    const { count, filtered, malformed } = selected;
    const output: DecodeOutput = { events: count, filtered, malformed };
    if (this.lines) Object.assign(output, this.lines.write(selected, clock, time, spares?.lines));
    if (this.columns) output.columns = this.columns.fill(selected, clock, time, spares?.columns);
    if (this.grouper) output.groups = this.grouper.group(selected, clock, time, spares?.groups);
    return output;
  }

  passed(records: RecordSet): Uint32Array {
    const { indices, count } = this.selector.of(records);
    return indices.slice(0, count);
  }

  reset(): void {
    this.grouper?.reset();
  }
}
