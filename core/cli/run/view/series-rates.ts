import type { MetricType } from '../../../../plugins/sdk/index.js';

/** Changes a second between the last two readings. */
export class SeriesRates {
  private before = new Map<string, number | bigint>();
  private now = new Map<string, number | bigint>();
  private seconds = 0;
  private time: bigint | undefined;

  /** A new reading begins, at `time` (Unix ns). Series that the last one had not are forgotten. */
  begin(time: bigint): void {
    this.seconds = this.time === undefined ? 0 : Number(time - this.time) / 1e9;
    this.time = time;
    this.before = this.now;
    this.now = new Map();
  }

  /** NaN at the first reading of a series. A counter that fell began anew. */
  next(series: string, value: number | bigint, type: MetricType): number {
    this.now.set(series, value);
    const before = this.before.get(series);
    if (before === undefined || this.seconds <= 0) return Number.NaN;
    const change = Number(value) - Number(before);
    return (change < 0 && type !== 'gauge' ? Number(value) : change) / this.seconds;
  }
}
