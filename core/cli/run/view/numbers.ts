import { humanDuration } from '../../../../plugins/stdout/index.js';

/** `1,234,567` */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A rate a second: `0.25`, `12.5`, `1,234`. */
export function rateText(rate: number): string {
  const size = Math.abs(rate);
  if (size >= 99.95) return `${rate < 0 ? '-' : ''}${grouped(size)}`;
  return rate === 0 ? '0' : rate.toFixed(size >= 9.995 ? 1 : 2);
}

/** A metric's value in its family's unit; seconds are told as people tell them. */
export function valueText(value: number | bigint, unit: string | undefined): string {
  if (typeof value === 'bigint') return String(value);
  if (unit === 'seconds' && Number.isFinite(value)) return humanDuration(BigInt(Math.round(value * 1e9)));
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(6)));
}
