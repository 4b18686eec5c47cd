const SECOND = 1_000_000_000n;

/** Unix time in ns as RFC 3339 in UTC with nine digits: `2026-01-02T03:04:05.678901234Z`. */
export function formatTimestamp(ns: bigint): string {
  let fraction = ns % SECOND;
  if (fraction < 0n) fraction += SECOND;
  const seconds = (ns - fraction) / SECOND;
  const date = new Date(Number(seconds) * 1000).toISOString();
  return `${date.slice(0, -5)}.${fraction.toString().padStart(9, '0')}Z`;
}
