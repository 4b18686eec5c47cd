import * as zlib from 'node:zlib';
import { z } from 'zod';
import { parseByteSize } from './byte-size.js';
import { parseDuration } from './duration.js';

const DAY_MS = 86_400_000;
const SIZE = 'expected a size from 4KiB, such as 100MiB';
const ZSTD = `zstd needs Node 22.15 or newer, and this is ${process.version}: use gzip`;

const size = z.union([z.string(), z.number()], SIZE).transform((value, context) => {
  const bytes = parseByteSize(value);
  if (bytes !== undefined && bytes >= 4096) return bytes;
  context.issues.push({ code: 'custom', input: value, message: SIZE });
  return z.NEVER;
});

const duration = (least: number, most: number, expected: string) =>
  z.string(expected).transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= least && ms <= most) return ms;
    context.issues.push({ code: 'custom', input: text, message: expected });
    return z.NEVER;
  });

const rotation = z.strictObject({
  size: size.default(100 * 2 ** 20),
  every: duration(1000, 366 * DAY_MS, 'expected a duration from 1s to 8784h, such as 24h').optional(),
  keep: z
    .union(
      [z.literal('all'), z.int().min(1).max(100_000)],
      'expected how many rotated files stay: 1 to 100000, or all',
    )
    .default(10),
  compress: z
    .enum(['none', 'gzip', 'zstd'], 'expected none, gzip or zstd')
    .refine((name) => name !== 'zstd' || 'createZstdCompress' in zlib, ZSTD)
    .default('none'),
});
const DEFAULT_ROTATION = rotation.parse({});

export const options = z.strictObject({
  /** Relative to the config file. */
  path: z
    .string('expected the path of a file')
    .regex(/^[^\0]*[^\0/]$/, 'expected the path of a file')
    .refine((path) => !/(^|\/)\.\.?$/.test(path), 'expected the path of a file, not of a folder'),
  /** Of files that the sink makes. Others may never write them. */
  mode: z
    .string()
    .regex(/^0?6[04][04]$/, 'expected "0600", "0640" or "0644", in quotes')
    .transform((text) => Number.parseInt(text, 8))
    .default(0o600),
  /** `false`: somebody else rotates, and says so with SIGHUP. Not a union, whose errors would say nothing. */
  rotate: z
    .unknown()
    .transform((value, context) => {
      if (value === false) return false;
      const result = rotation.safeParse(value ?? {});
      if (result.success) return result.data;
      for (const { message, path } of result.error.issues)
        context.issues.push({ code: 'custom', input: value, message, path });
      return z.NEVER;
    })
    .default(DEFAULT_ROTATION),
  fsync: z.enum(['never', 'interval', 'always'], 'expected never, interval or always').default('interval'),
  fsync_interval: duration(10, DAY_MS, 'expected a duration from 10ms to 24h, such as 1s').default(1000),
});

export type FileOptions = z.output<typeof options>;
export type RotateOptions = Exclude<FileOptions['rotate'], false>;
