/** As Go prints a time.Duration, which is how BumbleBee shows one: `1.5ms`. */
export function humanDuration(ns: bigint): string {
  return ns < 0n ? `-${positiveDuration(-ns)}` : positiveDuration(ns);
}

function positiveDuration(ns: bigint): string {
  if (ns === 0n) return '0s';
  if (ns < 1_000n) return `${ns}ns`;
  if (ns < 1_000_000n) return `${decimals(ns, 1_000n)}µs`;
  if (ns < 1_000_000_000n) return `${decimals(ns, 1_000_000n)}ms`;
  const minutes = ns / 60_000_000_000n;
  const seconds = `${decimals(ns % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimals(value: bigint, unit: bigint): string {
  const rest = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, '0')
    .replace(/0+$/, '');
  return rest ? `${value / unit}.${rest}` : `${value / unit}`;
}
