import { z } from 'zod';

/**
 * exporter-toolkit's web config file, as far as it is kept here (docs/web-configuration.md of
 * github.com/prometheus/exporter-toolkit). What is not kept is refused by name: an option that says something about
 * security is never passed over.
 */

const CLIENT_AUTH = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
const VERSIONS = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const;

export type ClientAuth = (typeof CLIENT_AUTH)[number];
export type TlsVersion = (typeof VERSIONS)[number];

const file = z.string('expected the path of a file').min(1, 'expected the path of a file');
const version = z.enum(VERSIONS, `expected ${VERSIONS.join(', ')}`);

const tls = z
  .strictObject(
    {
      cert_file: file.optional(),
      key_file: file.optional(),
      client_auth_type: z.enum(CLIENT_AUTH, `expected ${CLIENT_AUTH.join(', ')}`).default('NoClientCert'),
      client_ca_file: file.optional(),
      min_version: version.default('TLS12'),
      max_version: version.default('TLS13'),
    },
    { error: (issue) => unknownKeys(issue, 'tls_server_config') },
  )
  .superRefine((value, context) => {
    const wrong = (path: string, message: string): void =>
      void context.issues.push({ code: 'custom', input: value, message, path: [path] });
    for (const key of ['cert_file', 'key_file'] as const)
      if (value[key] === undefined) wrong(key, 'is missing: a certificate and its key are needed');
    const verifies = value.client_auth_type.includes('Verify');
    if (verifies && value.client_ca_file === undefined)
      wrong('client_ca_file', `is missing: ${value.client_auth_type} needs to know whose certificates`);
    if (!verifies && value.client_ca_file !== undefined)
      wrong('client_auth_type', `${value.client_auth_type} verifies nothing, and client_ca_file is given`);
    if (value.min_version > value.max_version)
      wrong('min_version', `${value.min_version} is newer than max_version, ${value.max_version}`);
  });

/** `$2a$`, `$2b$`, `$2y$` (htpasswd -B), cost 4 to 31. */
const BCRYPT = /^\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;

const http = z.strictObject(
  {
    http2: z.literal(false, 'this server speaks HTTP/1.1: leave it out').optional(),
    headers: z
      .record(
        z
          .string()
          .regex(
            /^(?:Content-Security-Policy|X-Frame-Options|X-Content-Type-Options|X-XSS-Protection|Strict-Transport-Security)$/,
            'no header that can be set here',
          ),
        z.string('expected text').regex(/^[\x20-\x7e]+$/, 'expected a line of ASCII'),
      )
      .optional(),
  },
  { error: (issue) => unknownKeys(issue, 'http_server_config') },
);

export const webConfigSchema = z.strictObject(
  {
    tls_server_config: tls.optional(),
    http_server_config: http.optional(),
    basic_auth_users: z
      .record(
        z.string().regex(/^[^:\0-\x1f\x7f]+$/, 'a user name has no colon and no control characters'),
        z
          .string('expected a bcrypt hash')
          .regex(BCRYPT, 'expected a bcrypt hash, as `htpasswd -nBC 10 USER` prints it behind the colon'),
        'expected a mapping of user names to bcrypt hashes',
      )
      .optional(),
  },
  { error: (issue) => unknownKeys(issue, '') },
);

export type WebConfigFile = z.output<typeof webConfigSchema>;
export type TlsConfig = NonNullable<WebConfigFile['tls_server_config']>;

/** Of the toolkit, and not of ours. */
const NOT_HERE: Readonly<Record<string, string>> = {
  cert: 'use cert_file',
  key: 'use key_file',
  client_ca: 'use client_ca_file',
  client_allowed_sans: 'use a CA that signs no other clients',
  cipher_suites: 'min_version: TLS13 leaves strong ones only',
  prefer_server_cipher_suites: 'leave it out: the server always chooses',
  curve_preferences: "OpenSSL's defaults hold",
  rate_limit: 'at most 8 scrapes run at once',
};

function unknownKeys(issue: { code?: string; keys?: unknown; input?: unknown }, where: string): string {
  if (issue.code !== 'unrecognized_keys' || !Array.isArray(issue.keys)) return 'expected a mapping';
  const names = issue.keys.map(String);
  const known = names.find((name) => Object.hasOwn(NOT_HERE, name));
  if (known !== undefined) return `"${known}" of exporter-toolkit is not supported: ${NOT_HERE[known]}`;
  return `unknown key ${names.map((name) => JSON.stringify(name)).join(', ')}${where === '' ? '. There is: tls_server_config, http_server_config, basic_auth_users' : ''}`;
}
