import type { ClockOffsets } from './plan.js';

/** 2^63 - 1 ns. */
const LAST_SECOND = 9_223_372_036;
const LAST_NANOS = 854_775_807;

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
    this.keep(seconds, nanos);
  }

  /** Unix ns. */
  set(time: bigint): void {
    const nanos = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    this.keep(Number((time - nanos) / 1_000_000_000n), Number(nanos));
  }

  /** What is beyond 64 bits of ns (in 2262) is the last moment that is not, whichever form shows it. */
  private keep(seconds: number, nanos: number): void {
    const late = seconds > LAST_SECOND || (seconds === LAST_SECOND && nanos > LAST_NANOS);
    this.seconds = late ? LAST_SECOND : seconds;
    this.nanos = late ? LAST_NANOS : nanos;
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

/** `2026-01-02T03:04:05.`, the part of a timestamp that holds for a second. */
export function secondText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 20);
}
