import { clockOffsets, RingReader } from '../kernel/index.js';
import { MapForms } from './map-forms.js';
import type { DecodePlan, RecordSet } from './plan.js';
import type { DrainResult, DrainTask } from './tasks.js';

/** Where the records of one drain begin, and their lengths: as many at the most as both have room for. */
export interface RecordTable {
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
}

/** A ring as the thread has it that decodes it: mapped, with its decoders. */
export class OpenRing {
  readonly form: MapForms;
  private readonly reader: RingReader;

  /** Throws KernelError where the ring cannot be mapped. Duplicates `fd`. */
  constructor(fd: number, plan: DecodePlan, tail: number) {
    // First: compilation, which takes longer, is not for nothing then.
    this.reader = new RingReader(fd);
    try {
      this.form = new MapForms(plan, tail);
    } catch (error) {
      this.reader.close();
      throw error;
    }
  }

  /** Decode what lies at `from`; releases nothing. What is thrown left nothing behind. */
  drain(task: Omit<DrainTask, 'kind' | 'id'>, { offsets, lengths }: RecordTable): DrainResult {
    const { reader, form } = this;
    const { from, clock, follow } = task;
    const limit = Math.min(task.maxRecords, offsets.length);
    const table = limit === offsets.length ? offsets : offsets.subarray(0, limit);
    const peek = reader.peek(from, table, lengths, task.maxBytes);
    const time = wallClock();
    const records: RecordSet = {
      memory: reader.memory,
      offsets,
      lengths,
      count: peek.count,
      shortest: peek.shortest,
    };
    const output = form.decode(records, clock, time, task.spares);
    const followed = form.follow(records, output, { at: from, clock, time, follow });
    return {
      status: 'drained',
      records: peek.count,
      bytes: peek.next - from,
      discarded: peek.discarded,
      next: peek.next,
      producer: peek.producer,
      busy: peek.busy,
      time,
      output,
      ...(followed ? { followed } : {}),
    };
  }

  /** Where the record after the one at `from` begins. */
  after(from: number): number {
    return this.reader.peek(from, new Uint32Array(1), new Uint32Array(1), 1).next;
  }

  close(): void {
    this.reader.close();
  }
}

/** ns; the kernel's clocks are read together, so that records with and without a time of their own agree. */
export function wallClock(): bigint {
  return process.hrtime.bigint() + clockOffsets().ktime;
}
