const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;
/** For editors; {@link parseDuration} is what decides. */
export const DURATION_PATTERN = '^(\\d+(\\.\\d+)?(ms|s|m|h))+$';

/** `500ms`, `5s`, `1m30s`, `0.5h` in ms; undefined when it is none: a unit is always needed, `0s` too. */
export function parseDuration(text: string): number | undefined {
  let total = 0;
  let end = 0;
  for (const match of text.matchAll(PART)) {
    if (match.index !== end) return undefined;
    end += match[0].length;
    total += Number(match[1]) * UNITS[match[2]!]!;
  }
  return end === 0 || end !== text.length || !Number.isFinite(total) ? undefined : Math.round(total);
}

/** The shortest of its spellings: `1m30s`. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, size] of Object.entries(UNITS).reverse()) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}
