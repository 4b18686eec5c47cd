const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** As everywhere in the config: `64MiB`, `10MB`, a bare number is bytes. Undefined when it is none. */
export function parseByteSize(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = /^(\d+(?:\.\d+)?) ?([kKMG]?i?B)$/.exec(value);
  const unit = UNITS[match?.[2] ?? ''];
  return match && unit !== undefined ? Math.round(Number(match[1]) * unit) : undefined;
}
