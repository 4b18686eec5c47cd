import { z } from 'zod';
import { BYTE_SIZE_PATTERN, parseByteSize } from './byte-size.js';
import { DURATION_PATTERN, formatDuration, parseDuration } from './duration.js';
import { parseListen } from './listen-address.js';

/*
 * The schema of probes.yaml. An `error` says what is expected, to follow "expected …". What keys say together
 * (exactly one of image and file, names that are unique) is in rules.ts, so that it is checked in a file that has
 * other errors as well.
 */

const NAME = /^[A-Za-z0-9_.-]{1,63}$/;
const NAME_EXPECTED = 'a name of 1 to 63 letters, digits, "_", "." and "-"';
/** Begins with a letter, so that no sink is named like an array index. */
const SINK_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
const SINK_NAME_EXPECTED = 'a name of a letter and up to 62 letters, digits, "_", "." and "-"';
const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const FIELD = /^[^\s.]+(?:\.[^\s.]+)*$/;
/** setTimeout's own limit. */
const DAY_MS = 86_400_000;
/** Labels that the agent itself sets on what it exports. */
const RESERVED_LABELS = ['probe', 'map', 'sink', 'reason', 'le', 'quantile', 'overflow'];

/**
 * A registry (by its dot, port, brackets or being localhost), and a repository or what is below a path. Neither tag
 * nor digest.
 */
const ALLOW =
  /^(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+|\[[0-9a-fA-F:]+\]|[a-zA-Z0-9-]+(?=:))(?::\d{1,5})?\/(?:\*|[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?:\/\*)?)$/;
const ALLOW_EXPECTED =
  'a registry and a repository (ghcr.io/solo-io/tcpconnect), all below a path (ghcr.io/solo-io/*) or all of a registry (ghcr.io/*), without tag or digest';

/** A host as in {@link ALLOW}. */
const REGISTRY =
  /^(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+|\[[0-9a-fA-F:]+\]|[a-zA-Z0-9-]+(?=:))(?::\d{1,5})?$/;
const REGISTRY_EXPECTED = 'a registry: its host, with a port where it has one, such as registry.lan:5000';

function pattern(expected: string, regex: RegExp) {
  return z.string({ error: expected }).regex(regex, { error: expected });
}

function line(expected: string) {
  return pattern(expected, /^[^\r\n]*\S[^\r\n]*$/);
}

function duration(min: number, max: number) {
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

const BYTES_EXPECTED = 'a size such as 64MiB, 10MB or a number of bytes, from 64KiB to 64GiB';
const byteSize = z.union(
  [
    z.number().int(),
    z
      .string()
      .meta({ pattern: BYTE_SIZE_PATTERN, examples: ['64MiB'] })
      .transform((text) => parseByteSize(text) ?? Number.NaN),
  ],
  { error: BYTES_EXPECTED },
);
const bytes = byteSize.refine((size) => size >= 64 * 1024 && size <= 64 * 2 ** 30, { error: BYTES_EXPECTED });

function integer(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return z
    .number({ error: expected })
    .int({ error: expected })
    .min(min, { error: expected })
    .max(max, { error: expected });
}

const field = pattern('the name of a field, such as delta_us or addr.port', FIELD);

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

export const mapSchema = z.strictObject({
  export: z
    .enum(['event', 'counter', 'gauge', 'histogram', 'none'])
    .optional()
    .describe(
      "What becomes of the map. Default: from its name's prefix (print_, counter_, gauge_, hist_) or section.",
    ),
  filter: pattern('an expression such as: ret < 0 && comm != "systemd"', /\S/)
    .trim()
    .optional()
    .describe('Which records count, decided in the worker before anything is made of them.'),
  value: field.optional().describe('Field that holds the number of a counter, gauge or histogram.'),
  labels: z
    .array(field, { error: 'a list of field names' })
    .optional()
    .describe('Fields that become labels. Default: every field that is not the value, or those of the key.'),
  exemplar: z
    .array(field, { error: 'a list of field names' })
    .min(1, { error: 'at least one field' })
    .optional()
    .describe(
      "Fields of single records that are shown beside the counts of a ring's counter or histogram, as OpenMetrics exemplars; then no labels unless `labels` names them.",
    ),
  buckets: z
    .array(z.number({ error: 'a number' }), { error: 'a list of numbers' })
    .min(1, { error: 'at least one upper bound' })
    .max(1000, { error: 'at most 1000 upper bounds' })
    .optional()
    .describe("A histogram's upper bounds, ascending, in the field's own unit."),
  scale: z
    .enum(['linear', 'log2', 'exponential'])
    .optional()
    .describe(
      "How the bucket field of a histogram hash is read: `linear`, it is the bound; `log2`, slot n ends at 2^(n+1)-1. `exponential`: a ring's histogram counts in buckets of OpenTelemetry's exponential histogram, without `buckets`.",
    ),
  interval: duration(10, DAY_MS)
    .optional()
    .describe(
      'Time between reads of a hash or array map. Default 1s for events; series are read when somebody collects them, once a second at most.',
    ),
  max_series: integer(1, 10_000_000).optional().describe('Series kept at most. Default 10000.'),
  metric: pattern('a metric name of letters, digits and "_" that begins with no digit', METRIC_NAME)
    .optional()
    .describe("Name of the metric, instead of the one made from the map's name."),
  help: line('one line of text').optional().describe('HELP text of the metric.'),
  timestamp: field.optional().describe("Field that holds the record's own time."),
  type: pattern('a C type such as: struct event', /^(?:(?:struct|union) )?[A-Za-z_]\w*$/)
    .optional()
    .describe('Record type of a ring buffer that names none.'),
  expire: duration(1000, 20 * DAY_MS)
    .optional()
    .describe("Time without an update after which a ring's series goes. Default: never."),
});

const keyFile = line('the path of a public key, such as cosign.pub');

export const verifySchema = z.strictObject({
  key: z
    .union([keyFile, z.array(keyFile).min(1, { error: 'at least one public key' })], {
      error: 'the path of a public key, such as cosign.pub, or a list of them',
    })
    .optional()
    .describe('Public key in PEM, relative to this file; of several, any may have signed.'),
  require: z
    .boolean()
    .optional()
    .describe('Whether an image without a signature by a key is refused, or only warned of. Default true.'),
});

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

const BATCH_BYTES_EXPECTED = 'a size such as 1MiB, 500kB or a number of bytes, from 64KiB to 64MiB';

export const batchSchema = z.strictObject({
  max_events: integer(1, 1_000_000)
    .optional()
    .describe("Events that are written at once at most. Default: the sink's own, or 10000."),
  max_bytes: byteSize
    .refine((size) => size >= 64 * 1024 && size <= 64 * 2 ** 20, { error: BATCH_BYTES_EXPECTED })
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
  max_bytes: bytes.optional().describe('Bytes that wait at most. Default 64MiB.'),
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

const BUFFER_SIZE_EXPECTED = 'a size such as 1GiB, 500MB or a number of bytes, from 1MiB to 1024GiB';

export const bufferSchema = z.strictObject({
  path: line('a directory').describe(
    'Directory of this buffer alone, made if it is not there. Relative to this file.',
  ),
  max_size: byteSize
    .refine((size) => size >= 2 ** 20 && size <= 2 ** 40, { error: BUFFER_SIZE_EXPECTED })
    .optional()
    .describe('Bytes on the disk at most. Default 1GiB.'),
  fsync: z
    .enum(['always', 'interval', 'never'])
    .optional()
    .describe(
      'When events are safe from a crash of the machine: before they are delivered, within a second, or when the system likes. Default interval.',
    ),
});

/** The host's keys; every other key of a sink is an option of its own. */
export const sinkSchema = z.looseObject({
  type: line('stdout, prometheus, file, loki, otlp, a package name, or a path such as ./my-sink.js').describe(
    'A built-in sink, a package name, or a path (./my-sink.js) relative to this file.',
  ),
  isolate: z
    .union([z.enum(['process', 'thread']), z.boolean()], { error: 'process, thread, true or false' })
    .optional()
    .describe(
      'Where a custom sink runs: in a process of its own (the default; also true), in a thread of its own, or on the main thread (false). Built-in sinks are always there.',
    ),
  interval: duration(100, DAY_MS)
    .optional()
    .describe("Time between two metric writes. Default: the sink's own."),
  queue: queueSchema.optional().describe('Bounds of what waits for the sink.'),
  buffer: bufferSchema
    .optional()
    .describe('Events wait on the disk, and survive a crash of the agent. Default: in memory.'),
  batch: batchSchema
    .optional()
    .describe("How events are put together for one write. Default: the sink's own, else as they come."),
});

export const registrySchema = z.strictObject({
  plain_http: z
    .boolean()
    .optional()
    .describe(
      'Speak HTTP without TLS. Default: on this machine only (localhost), unless `ca` or `insecure` is given.',
    ),
  insecure: z.boolean().optional().describe('Accept any certificate. Default false.'),
  ca: line('the path of a file of certificates')
    .optional()
    .describe(
      "PEM file of further certificate authorities, beside the machine's own. Relative to this file.",
    ),
});

export const agentSchema = z.strictObject({
  listen: z
    .string({ error: 'an address such as 127.0.0.1:9091, [::1]:9091, :9091 or unix:/run/bee-agent.sock' })
    .transform((text, context) => {
      const address = parseListen(text);
      if (address) return address;
      const message = 'an address such as 127.0.0.1:9091, [::1]:9091, :9091 or unix:/run/bee-agent.sock';
      context.issues.push({ code: 'custom', input: text, message });
      return z.NEVER;
    })
    .optional()
    .describe('Where /metrics, /events and the API are served. Default 127.0.0.1:9091.'),
  workers: integer(1, 64).optional().describe('Decode workers. Default: 2, or 1 on a single CPU.'),
  labels: z
    .record(
      z
        .string()
        .regex(/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/, {
          error: 'a label name of letters, digits and "_" that begins with no digit and no "__"',
        })
        .refine((name) => !RESERVED_LABELS.includes(name), {
          error: `a label name that the agent does not use itself (${RESERVED_LABELS.join(', ')})`,
        }),
      z.union([z.string(), z.number(), z.boolean(), z.bigint().meta({ type: 'number' })], { error: 'text' }),
      { error: 'a mapping of label names to text' },
    )
    .optional()
    .describe('On every event, metric and OTLP resource.'),
  verify: verifySchema.optional().describe('Who must have signed images. Default: nobody.'),
  allow: z
    .array(pattern(ALLOW_EXPECTED, ALLOW), { error: 'a list of repositories, such as ghcr.io/solo-io/*' })
    .min(1, { error: 'at least one repository. Leave `allow` out to allow all' })
    .optional()
    .describe(
      'Repositories that images may come from: HOST/REPOSITORY, HOST/PATH/* or HOST/*. Default: all.',
    ),
  registries: z
    .record(z.string().regex(REGISTRY, { error: REGISTRY_EXPECTED }), registrySchema, {
      error: 'a mapping of registries to settings',
    })
    .optional()
    .describe('How registries are spoken to, by host. Credentials are those of bee login and Docker.'),
  pull_timeout: duration(1000, DAY_MS)
    .optional()
    .describe('Time that the pull of an image may take. Default 2m.'),
  storage: line('a directory')
    .optional()
    .describe('Image store. Default: BEE_STORAGE, then ~/.bumblebee/store.'),
});

export const fileSchema = z.strictObject({
  probes: z
    .array(probeSchema, { error: 'a list of probes' })
    .min(1, { error: 'at least one probe, such as: - image: ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14' })
    .describe('What to run.'),
  sinks: z
    .record(z.string().regex(SINK_NAME, { error: SINK_NAME_EXPECTED }), sinkSchema, {
      error: 'a mapping of sink names to settings',
    })
    .optional()
    .describe('Where events and metrics go. Default: stdout and prometheus.'),
  agent: agentSchema.optional().describe('The agent itself.'),
});

/** The file as validated: names as in the file, durations in ms, sizes in bytes, defaults not yet filled in. */
export type ConfigFile = z.output<typeof fileSchema>;
export type ProbeEntry = z.output<typeof probeSchema>;
export type VerifyEntry = z.output<typeof verifySchema>;
export type RegistryEntry = z.output<typeof registrySchema>;
export type MapEntry = z.output<typeof mapSchema>;
export type RetryEntry = z.output<typeof retrySchema>;
export type SinkEntry = z.output<typeof sinkSchema>;

export function isName(text: string): boolean {
  return NAME.test(text);
}
