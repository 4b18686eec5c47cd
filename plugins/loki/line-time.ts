/** `{"timestamp":"2026-01-02T03:04:05.678901234Z"`: where the text of the time begins, the dot, and the Z. */
const START = Buffer.byteLength('{"timestamp":"');
const DOT = START + 19;
const ZULU = DOT + 10;
const SECOND = 1_000_000_000;

/** Unix time. Two numbers are several times cheaper than one bigint. */
export interface Instant {
  readonly seconds: number;
  /** 0 to 999,999,999, also before 1970. */
  readonly nanos: number;
}

export function compare(a: Instant, b: Instant): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/** 1 ns later. */
export function next({ seconds, nanos }: Instant): Instant {
  return nanos + 1 < SECOND ? { seconds, nanos: nanos + 1 } : { seconds: seconds + 1, nanos: 0 };
}

/** As Loki's JSON has it: ns in decimal. */
export function nanosText({ seconds, nanos }: Instant): string {
  return String(BigInt(seconds) * BigInt(SECOND) + BigInt(nanos));
}

/** Reads the times of events from their lines: asking for columns would have every field decoded for it. */
export class LineClock {
  seconds = 0;
  nanos = 0;
  /** Where the second that was read last stands. */
  private last: number | undefined;

  constructor(private readonly text: Uint8Array) {}

  /** Read the time of the line that begins at `from`. */
  read(from: number): void {
    const { text } = this;
    let nanos = 0;
    let isNumber = text[from + DOT] === DOT_SIGN && text[from + ZULU] === Z;
    for (let i = from + DOT + 1; i < from + ZULU; i++) {
      const digit = text[i]! - ZERO;
      isNumber &&= digit >= 0 && digit <= 9;
      nanos = nanos * 10 + digit;
    }
    if (!isNumber) throw this.without(from);
    if (!this.sameSecond(from)) {
      const ms = Date.parse(`${this.textOf(from + START, from + DOT)}Z`);
      if (Number.isNaN(ms)) throw this.without(from);
      this.seconds = ms / 1000;
      this.last = from;
    }
    this.nanos = nanos;
  }

  /** Neighbours mostly share their second, and those that do not differ at its end. */
  private sameSecond(from: number): boolean {
    const { text, last } = this;
    if (last === undefined) return false;
    for (let i = DOT - 1; i >= START; i--) if (text[from + i] !== text[last + i]) return false;
    return true;
  }

  private textOf(from: number, to: number): string {
    const { buffer, byteOffset, byteLength } = this.text;
    return Buffer.from(buffer, byteOffset, byteLength).toString('latin1', from, to);
  }

  private without(from: number): Error {
    return new Error(`an event's line begins ${this.textOf(from, from + ZULU + 2)}, without its time`);
  }
}

const DOT_SIGN = 0x2e;
const Z = 0x5a;
const ZERO = 0x30;
