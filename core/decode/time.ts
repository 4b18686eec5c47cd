import type { ClockOffsets } from './plan.js';

/** Last whole second of signed 64-bit Unix ns. */
const LAST_SECOND = 9_223_372_035;

/**
 * Adds a clock's offset to 64-bit nanoseconds, in whole seconds and nanoseconds, so that nothing is rounded and
 * no bigint is made a record.
 */
export class TimeBase {
  /** Result of the last call: Unix time. */
  seconds = 0;
  nanos = 0;
  private offsetSeconds = 0;
  private offsetNanos = 0;

  use(clock: ClockOffsets, which: 'ktime' | 'boottime'): void {
    const offset = clock[which];
    const seconds = offset >= 0n ? offset / 1_000_000_000n : (offset - 999_999_999n) / 1_000_000_000n;
    this.offsetSeconds = Number(seconds);
    this.offsetNanos = Number(offset - seconds * 1_000_000_000n);
  }

  /** Clock reading, unsigned 64 bits, ns. */
  convert(lo: number, hi: number): void {
    let seconds: number;
    let nanos: number;
    if (hi < 0x200000) {
      const value = hi * 4294967296 + lo;
      seconds = Math.floor(value / 1e9);
      nanos = value - seconds * 1e9;
      if (nanos < 0) {
        seconds--;
        nanos += 1e9;
      }
    } else {
      const value = (BigInt(hi) << 32n) | BigInt(lo);
      seconds = Number(value / 1_000_000_000n);
      nanos = Number(value % 1_000_000_000n);
    }
    nanos += this.offsetNanos;
    seconds += this.offsetSeconds;
    if (nanos >= 1e9) {
      nanos -= 1e9;
      seconds++;
    }
    // A signed 64-bit count of ns ends in 2262: what lies beyond is shown as that.
    const beyond = seconds > LAST_SECOND;
    this.seconds = beyond ? LAST_SECOND : seconds;
    this.nanos = beyond ? 999_999_999 : nanos;
  }

  /** Unix ns. */
  set(time: bigint): void {
    this.seconds = Number(time / 1_000_000_000n);
    this.nanos = Number(time % 1_000_000_000n);
  }

  /** Write seconds and nanos as one signed 64-bit integer at `index` of a BigInt64Array seen as words. */
  store(words: Uint32Array, index: number): void {
    const high = Math.floor(this.seconds / 65536) * 1e9;
    const low = (this.seconds - Math.floor(this.seconds / 65536) * 65536) * 1e9 + this.nanos;
    const top = Math.floor(high / 65536);
    const rest = (high - top * 65536) * 65536 + low;
    const carry = Math.floor(rest / 4294967296);
    words[2 * index] = rest - carry * 4294967296;
    words[2 * index + 1] = top + carry;
  }
}

/** `2026-01-02T03:04:05.`, the part of a timestamp that holds for a second. A time beyond what a date can be is 1970. */
export function secondText(seconds: number): string {
  const date = new Date(seconds * 1000);
  const valid = !Number.isNaN(date.getTime()) && seconds < 253402300800;
  return (valid ? date : new Date(0)).toISOString().slice(0, 20);
}
