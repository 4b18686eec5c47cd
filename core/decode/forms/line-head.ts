import { writeNine } from '../digits.js';
import type { DecodePlan } from '../plan.js';
import { secondText } from '../time.js';

const PREFIX = '{"timestamp":"';
/** Where the nine digits of the nanoseconds are, bytes. */
export const NANOS_AT = PREFIX.length + secondText(0).length;
/** Words that have bytes of the nanoseconds. */
const NANOS_WORDS = [NANOS_AT >> 3, (NANOS_AT + 8) >> 3] as const;

/** What every line of a map begins with, up to its data, at one second. */
export class LineHead {
  /** Bytes. */
  readonly length: number;
  /** Little-endian doubles, filled up with zeros; no UTF-8 makes NaN. */
  readonly words: Float64Array;
  private readonly view: DataView;
  private at = 0;

  constructor({ probe, map, labels }: DecodePlan) {
    const more = Object.keys(labels).length > 0 ? `,"labels":${JSON.stringify(labels)}` : '';
    const rest = `000000000Z","probe":${JSON.stringify(probe)},"map":${JSON.stringify(map)}${more},"data":`;
    const head = Buffer.from(PREFIX + secondText(this.at) + rest);
    this.length = head.length;
    this.words = new Float64Array((head.length + 7) >> 3);
    this.view = new DataView(new ArrayBuffer(this.words.byteLength));
    for (const [i, byte] of head.entries()) this.view.setUint8(i, byte);
    this.copy(0, this.words.length - 1);
  }

  /** Unix time. */
  get second(): number {
    return this.at;
  }

  set second(second: number) {
    if (second === this.at) return;
    for (const [i, byte] of Buffer.from(secondText(second)).entries())
      this.view.setUint8(PREFIX.length + i, byte);
    this.copy(0, NANOS_WORDS[1]);
    this.at = second;
  }

  /** Of all lines, until that is set again. */
  setNanos(nanos: number): void {
    writeNine(this.view, NANOS_AT, nanos);
    this.copy(...NANOS_WORDS);
  }

  private copy(first: number, last: number): void {
    for (let i = first; i <= last; i++) this.words[i] = this.view.getFloat64(8 * i, true);
  }
}
