import { z } from 'zod';
import { byteSize, DAY_MS, duration, integer, line } from './values.js';

/* How what goes to a sink waits, is put together and is tried again. */

export const batchSchema = z.strictObject({
  max_events: integer(1, 1_000_000)
    .optional()
    .describe("Events that are written at once at most. Default: the sink's own, or 10000."),
  max_bytes: byteSize('64KiB', '64MiB', '1MiB, 500kB')
    .optional()
    .describe("Bytes that are written at once at most. Default: the sink's own, or 1MiB."),
  max_wait: duration(0, 3_600_000)
    .optional()
    .describe(
      "Time that the first event of a batch waits for others; 0s: for none. Default: the sink's own, or 1s.",
    ),
});

const MULTIPLIER_EXPECTED = 'a number from 1 to 10';

export const retrySchema = z
  .strictObject({
    initial: duration(10, 3_600_000).optional().describe('Pause after the first failure. Default 1s.'),
    max: duration(10, DAY_MS)
      .optional()
      .describe('Longest pause, unless the destination asks for more. Default 30s.'),
    multiplier: z
      .number({ error: MULTIPLIER_EXPECTED })
      .min(1, { error: MULTIPLIER_EXPECTED })
      .max(10, { error: MULTIPLIER_EXPECTED })
      .optional()
      .describe('Each pause is so many times the one before. Default 1.5.'),
  })
  .refine(({ initial = 0, max }) => max === undefined || initial <= max, {
    path: ['max'],
    error: 'a duration that is no shorter than `initial`',
  });

export const queueSchema = z.strictObject({
  max_batches: integer(1, 1_000_000).optional().describe('Batches that wait at most. Default 1000.'),
  max_bytes: byteSize('64KiB', '64GiB', '64MiB, 10MB')
    .optional()
    .describe('Bytes that wait at most. Default 64MiB.'),
  when_full: z
    .enum(['drop_newest', 'drop_oldest', 'block'])
    .optional()
    .describe(
      'What is lost when there is no room; block: nothing here, the rings of the probes fill instead. Default drop_newest.',
    ),
  concurrency: integer(1, 1000)
    .optional()
    .describe(
      'Writes that run at once, where the sink lets the config choose. More than 1 gives up the order.',
    ),
  timeout: duration(10, DAY_MS).optional().describe('Time that one attempt may take. Default 10s.'),
  max_elapsed: z
    .union([z.literal(0), duration(0, 20 * DAY_MS)], {
      error: 'a duration with its unit, such as 30s or 5m, or 0 for no limit',
    })
    .optional()
    .describe(
      'Time from its first attempt after which a batch is given up; 0: never. Default 5m, with a buffer 0.',
    ),
  retry: retrySchema.optional().describe('Pauses between attempts.'),
});

export const bufferSchema = z.strictObject({
  path: line('a directory').describe(
    'Directory of this buffer alone, made if it is not there. Relative to this file.',
  ),
  max_size: byteSize('1MiB', '1024GiB', '1GiB, 500MB')
    .optional()
    .describe('Bytes on the disk at most. Default 1GiB.'),
  fsync: z
    .enum(['always', 'interval', 'never'])
    .optional()
    .describe(
      'When events are safe from a crash of the machine: before they are delivered, within a second, or when the system likes. Default interval.',
    ),
});

export type RetryEntry = z.output<typeof retrySchema>;
