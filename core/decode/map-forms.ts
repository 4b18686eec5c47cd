import { compilePlan, type Decoder } from './compile.js';
import type { ClockOffsets, DecodeOutput, DecodePlan, RecordSet, Spares } from './plan.js';
import { Tail } from './tail.js';
import type { Lines } from './tasks.js';

/** The decoders of one map: what the sinks asked for, and NDJSON alone for `/events`. */
export class MapForms {
  private wanted: Decoder;
  private text: Decoder | undefined;
  readonly tail: Tail | undefined;

  constructor(
    readonly plan: DecodePlan,
    tail: number,
  ) {
    this.wanted = compilePlan(plan);
    this.tail = tail > 0 ? new Tail(tail) : undefined;
  }

  get renderer(): Decoder {
    const { group: _, ...rest } = this.plan;
    this.text ??= compilePlan({ ...rest, ndjson: true, columns: 'none' });
    return this.text;
  }

  /** A decoder that threw has half a batch in its tables: it starts a new epoch. */
  decode(records: RecordSet, clock: ClockOffsets, time: bigint, spares?: Spares): DecodeOutput {
    try {
      return this.wanted.decode(records, clock, time, spares);
    } catch (error) {
      this.wanted.reset();
      throw error;
    }
  }

  /**
   * Render for followers, unless the sinks' batch has the lines already; then keep the tail: what throws keeps nothing,
   * for the same records come again. `at`: where in their ring they are from.
   */
  follow(
    records: RecordSet,
    output: DecodeOutput,
    { at, clock, time, follow }: { at: number; clock: ClockOffsets; time: bigint; follow: boolean },
  ): Lines | undefined {
    const { ndjson, lineEnds } = follow && !output.ndjson ? this.renderer.decode(records, clock, time) : {};
    if (this.tail && output.events > 0) {
      const passed = output.events === records.count ? undefined : this.renderer.passed(records);
      this.tail.keep(records, passed, { at, clock, time });
    }
    return ndjson && lineEnds ? { ndjson, lineEnds } : undefined;
  }
}
