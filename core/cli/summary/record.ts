import { z } from 'zod';
import type { ObjectSummary } from './summary.js';

/**
 * The summary as it stands in an image's config blob. BumbleBee writes `{}` there and reads any object, so an
 * image with a record is as good to it as one without.
 */
const FORMAT = 1;

/** Larger than any object asks for; a reader takes 1 MiB at most. */
const MAX_RECORD = 512 * 1024;

/** `{}` where the summary is too long to be recorded: readers then look at the object itself. */
export function encodeRecord(summary: ObjectSummary): Record<string, unknown> {
  const record = { formatVersion: FORMAT, ...summary };
  return JSON.stringify(record).length > MAX_RECORD ? {} : record;
}

/**
 * The summary that a config blob holds; `undefined` when it has none (BumbleBee's `{}`), or none that can be
 * understood. It is what the image's author says: nobody has compared it with the object.
 */
export function readRecord(config: Uint8Array): ObjectSummary | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(config));
  } catch {
    return undefined;
  }
  const parsed = RECORD.safeParse(value);
  if (!parsed.success) return undefined;
  const { formatVersion: _format, ...summary } = parsed.data;
  return summary as ObjectSummary;
}

const text = z.string().max(4096);
const fields = z.array(z.object({ name: text, type: text }));
const RECORD = z.object({
  formatVersion: z.literal(FORMAT),
  license: text,
  programs: z.array(z.object({ name: text, section: text })),
  maps: z.array(
    z.object({
      name: text,
      kind: z.enum(['print', 'counter', 'gauge', 'hist', 'none']),
      type: text,
      maxEntries: z.number().int().nonnegative(),
      keyType: text.optional(),
      key: fields.optional(),
      valueType: text.optional(),
      value: fields.optional(),
    }),
  ),
  params: z.array(
    z.object({ name: text, type: text, default: z.union([text, z.number(), z.boolean()]).optional() }),
  ),
  requirements: z.array(
    z.object({
      feature: text,
      linux: z
        .string()
        .regex(/^\d{1,3}\.\d{1,3}$/)
        .optional(),
      config: text.optional(),
    }),
  ),
});
