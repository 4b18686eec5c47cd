import { writeAscii } from './digits.js';

/** Bytes of `2026-01-02T03:04:05.`, before the nine digits. */
export const SECOND_TEXT = 20;

/**
 * The text of one second of Unix time, made anew only when the second changes, and then only what changed of it.
 * Read as three doubles, which is how generated code copies 24 bytes.
 */
export class SecondText {
  private readonly bytes = new DataView(new ArrayBuffer(24));
  readonly words = new Float64Array(this.bytes.buffer);
  private day = Number.NaN;

  constructor() {
    writeAscii(this.bytes, 0, '1970-01-01T00:00:00.0000');
  }

  /** `seconds` within ±2^63 ns of 1970. */
  set(seconds: number): void {
    const day = Math.floor(seconds / 86400);
    if (day !== this.day) {
      writeAscii(this.bytes, 0, new Date(day * 86_400_000).toISOString().slice(0, 10));
      this.day = day;
    }
    const inDay = seconds - day * 86400;
    const hours = Math.floor(inDay / 3600);
    const minutes = Math.floor(inDay / 60) - hours * 60;
    this.two(11, hours);
    this.two(14, minutes);
    this.two(17, inDay - hours * 3600 - minutes * 60);
  }

  private two(at: number, value: number): void {
    const tens = (value / 10) | 0;
    this.bytes.setUint8(at, 0x30 + tens);
    this.bytes.setUint8(at + 1, 0x30 + value - tens * 10);
  }
}
