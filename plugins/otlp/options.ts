import { z } from 'zod';

/** RFC 9110, 5.5; a space at an end would not arrive. */
const headerValue = z
  .string()
  .regex(
    /^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/,
    'expected a header value, without line breaks',
  );
const url = z.url({ protocol: /^https?$/, error: 'expected a URL such as http://127.0.0.1:4318' });

export const options = z.strictObject({
  /** Base URL of OTLP over HTTP; `/v1/metrics` and `/v1/logs` are put behind it. */
  endpoint: url.optional(),
  /** The whole URL for one of the signals. */
  metrics_endpoint: url.optional(),
  logs_endpoint: url.optional(),
  protocol: z.enum(['http/protobuf', 'http/json'], 'expected http/protobuf or http/json').optional(),
  compression: z.enum(['gzip', 'none'], 'expected gzip or none').optional(),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected a header name'), headerValue)
    .default({}),
  metrics: z.boolean().default(true),
  logs: z.boolean().default(true),
  temporality: z.enum(['cumulative', 'delta'], 'expected cumulative or delta').optional(),
  /** How histograms of exponential buckets are sent. */
  histogram: z.enum(['exponential', 'explicit'], 'expected exponential or explicit').optional(),
  /** Attributes of the resource, beside service.name and host.name. */
  resource: z.record(z.string().min(1), z.string()).default({}),
  tls: z
    .strictObject({
      ca: z.string().optional(),
      cert: z.string().optional(),
      key: z.string().optional(),
      insecure_skip_verify: z.boolean().default(false),
    })
    .optional(),
});

export type OtlpOptions = z.output<typeof options>;
