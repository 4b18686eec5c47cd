import { z } from 'zod';
import { parseSelector, type Selector } from './selector.js';

const SELECTOR = 'expected probe, map, labels, labels.NAME, data or data.FIELD';

const selector = z.string(SELECTOR).transform((text, context): Selector => {
  const parsed = parseSelector(text);
  if (parsed) return parsed;
  context.issues.push({ code: 'custom', input: text, message: SELECTOR });
  return z.NEVER;
});

const secret = z.string().min(1, 'expected some text');
/** What a header may have (RFC 9110, 5.5), of ASCII. */
const token = z.string().regex(/^[\x21-\x7e]+$/, 'expected visible characters of ASCII, and no line break');

export const options = z
  .strictObject({
    /** Of Loki; `/loki/api/v1/push` is put behind it. */
    url: z.url({ protocol: /^https?$/, error: 'expected a URL such as http://127.0.0.1:3100' }),
    /** Labels of a stream: few, and of few values. */
    labels: z.array(selector).default([{ kind: 'probe' }, { kind: 'map' }, { kind: 'labels' }]),
    /** What is searchable beside the line: structured metadata (Loki 3, or 2.9 where it is switched on). */
    metadata: z.array(selector).default([]),
    /** Labels of every stream. */
    extra_labels: z
      .record(z.string().regex(/^[a-zA-Z_]\w*$/, 'expected a label name'), z.string())
      .default({}),
    format: z.enum(['protobuf', 'json'], 'expected protobuf or json').default('protobuf'),
    /** X-Scope-OrgID. */
    tenant: z
      .string()
      .regex(/^[\x21-\x7e]{1,150}$/, 'expected up to 150 visible characters')
      .optional(),
    username: secret.optional(),
    password: secret.optional(),
    password_file: z.string().optional(),
    token: token.optional(),
    token_file: z.string().optional(),
    tls: z
      .strictObject({
        ca: z.string().optional(),
        cert: z.string().optional(),
        key: z.string().optional(),
        insecure_skip_verify: z.boolean().default(false),
      })
      .optional(),
  })
  .refine((one) => !(one.username && (one.token ?? one.token_file)), {
    message: 'username and token exclude each other',
    path: ['token'],
  })
  .refine((one) => !one.username || (one.password ?? one.password_file) !== undefined, {
    message: 'username needs password or password_file',
    path: ['username'],
  });

export type LokiOptions = z.output<typeof options>;
