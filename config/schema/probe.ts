import { z } from 'zod';
import { mapSchema } from './map.js';
import { NAME, NAME_EXPECTED } from './names.js';
import { integer, line, pattern } from './values.js';
import { verifySchema } from './verify.js';

const param = z
  .unknown()
  .refine(
    (value) =>
      typeof value === 'string' ||
      typeof value === 'boolean' ||
      typeof value === 'bigint' ||
      Number.isFinite(value),
    { error: 'a number, true, false or text' },
  )
  .meta({ type: ['number', 'boolean', 'string'] });

export const probeSchema = z.strictObject({
  name: pattern(NAME_EXPECTED, NAME)
    .optional()
    .describe('Unique. Default: the last path segment of the image, or the file name without its extension.'),
  image: pattern('an image reference such as ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14', /^\S{1,512}$/)
    .optional()
    .describe('OCI image reference. Either this or `file`.'),
  file: line('the path of an object file')
    .optional()
    .describe('Object file, relative to this file. Either this or `image`.'),
  pull: z
    .enum(['always', 'missing', 'never'])
    .optional()
    .describe('When to pull the image from its registry. Default missing.'),
  verify: verifySchema
    .optional()
    .describe("Who must have signed the image. What it leaves out is as in the agent's own `verify`."),
  params: z
    .record(z.string(), param, { error: 'a mapping of global variables to values' })
    .optional()
    .describe("The object's `const volatile` globals by name."),
  maps: z
    .record(z.string(), mapSchema, { error: 'a mapping of map names to settings' })
    .optional()
    .describe("Settings by the map's name."),
  sinks: z
    .array(pattern('the name of a sink', /\S/), { error: 'a list of sink names' })
    .min(1, { error: 'at least one sink. Leave `sinks` out for all of them' })
    .optional()
    .describe('Sinks for what the probe makes. Default: every sink that accepts it.'),
  frequency: integer(1, 100_000)
    .optional()
    .describe('Samples a second and CPU of perf_event programs. Default 99.'),
});

export type ProbeEntry = z.output<typeof probeSchema>;
