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
/** For editors; {@link parseByteSize} is what decides. */
export const BYTE_SIZE_PATTERN = '^\\d+(\\.\\d+)?(B|kB|KB|MB|GB|KiB|MiB|GiB)$';

/** `64MiB` (powers of 1024), `10MB` (of 1000) in bytes; undefined when it is none. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kKMG]?i?B)$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (!match || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
