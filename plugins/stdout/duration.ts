/** Nanoseconds for people, at most three decimals: `1.5ms`, `2m3.25s`. */
export function humanDuration(ns: bigint): string {
  if (ns < 0n) return `-${humanDuration(-ns)}`;
  if (ns < 1_000n) return `${ns}ns`;
  if (ns < 1_000_000n) return `${decimals(ns, 1_000n)}µs`;
  if (ns < 1_000_000_000n) return `${decimals(ns, 1_000_000n)}ms`;
  const minutes = ns / 60_000_000_000n;
  const seconds = `${decimals(ns % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** Cut, not rounded: 999999 ns are 999.999µs and never 1000µs. */
function decimals(value: bigint, unit: bigint): string {
  const thousandths = ((value % unit) * 1000n) / unit;
  const rest = thousandths.toString().padStart(3, '0').replace(/0+$/, '');
  return rest ? `${value / unit}.${rest}` : `${value / unit}`;
}
