import type { ClockOffsets } from '../decode/index.js';
import { clockOffsets } from '../kernel/index.js';

/** How long a measured offset is used: the wall clock is slewed and stepped. */
const PERIOD_MS = 10_000;

/** Offsets from the kernel's clocks to Unix time, measured again every 10 s. */
export class Clock {
  private offsets: ClockOffsets = clockOffsets();
  private measured = performance.now();

  now(): ClockOffsets {
    const time = performance.now();
    if (time - this.measured > PERIOD_MS) {
      this.offsets = clockOffsets();
      this.measured = time;
    }
    return this.offsets;
  }
}
