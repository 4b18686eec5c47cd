import { z } from 'zod';
import { parseListen } from '../listen-address.js';
import { DAY_MS, duration, integer, line, pattern } from './values.js';
import { verifySchema } from './verify.js';

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

export type RegistryEntry = z.output<typeof registrySchema>;
