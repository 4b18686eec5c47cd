import { z } from 'zod';
import { BYTE_SIZE_PATTERN, parseByteSize } from '../byte-size.js';
import { DURATION_PATTERN, formatDuration, parseDuration } from '../duration.js';

/* Values that several parts of the schema have. */

/** setTimeout's own limit. */
export const DAY_MS = 86_400_000;

export function pattern(expected: string, regex: RegExp) {
  return z.string({ error: expected }).regex(regex, { error: expected });
}

export function line(expected: string) {
  return pattern(expected, /^[^\r\n]*\S[^\r\n]*$/);
}

export function duration(min: number, max: number) {
  const expected = `a duration with its unit, such as 500ms, 5s, 1m30s or 2h, from ${formatDuration(min)} to ${formatDuration(max)}`;
  return z
    .string({ error: expected })
    .meta({ pattern: DURATION_PATTERN, examples: ['500ms', '5s', '1m30s'] })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined && ms >= min && ms <= max) return ms;
      context.issues.push({ code: 'custom', input: text, message: expected });
      return z.NEVER;
    });
}

/** In bytes. `least` and `most` are sizes as the file has them, and `such` are examples. */
export function byteSize(least: string, most: string, such: string) {
  const error = `a size such as ${such} or a number of bytes, from ${least} to ${most}`;
  const [min, max] = [parseByteSize(least)!, parseByteSize(most)!];
  return z
    .union(
      [
        z.number().int(),
        z
          .string()
          .meta({ pattern: BYTE_SIZE_PATTERN, examples: ['64MiB'] })
          .transform((text) => parseByteSize(text) ?? Number.NaN),
      ],
      { error },
    )
    .refine((size) => size >= min && size <= max, { error });
}

export function integer(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return z
    .number({ error: expected })
    .int({ error: expected })
    .min(min, { error: expected })
    .max(max, { error: expected });
}
