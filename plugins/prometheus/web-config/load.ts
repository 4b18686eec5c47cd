import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { parseDocument } from 'yaml';
import { WebConfigError } from './error.js';
import { type ClientAuth, type TlsConfig, type TlsVersion, webConfigSchema } from './schema.js';

/** Of the web config, and of each file that it names. */
const MAX_BYTES = 1 << 20;

export interface WebConfig {
  /** User name → bcrypt hash; empty: everybody may. */
  readonly users: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: { readonly clientAuth: ClientAuth; readonly options: SecureContextOptions };
  /** Everything that was read, and its {@link fileState} of just before, to notice a change. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Read a web config and the files that it names, relative to itself, and check that they can be used together.
 * Throws {@link WebConfigError}.
 */
export function loadWebConfig(path: string): WebConfig {
  const files = new Map<string, string>();
  const document = parseDocument(read(path, 'web_config', files).toString('utf8'), { prettyErrors: true });
  const [broken] = document.errors;
  if (broken) throw new WebConfigError(`${path}: ${broken.message.split('\n')[0]}`, { cause: broken });
  // An empty file is an empty config, as in the toolkit.
  const result = webConfigSchema.safeParse(plain(document, path) ?? {});
  if (!result.success) {
    const problems = result.error.issues.map((issue) => [...issue.path, ''].join(': ') + messageOf(issue));
    throw new WebConfigError(`${path}: ${problems.join('; ')}`);
  }
  const { tls_server_config: tls, http_server_config: http, basic_auth_users: users = {} } = result.data;
  const own = {
    users: new Map(Object.entries(users)),
    headers: (http?.headers ?? {}) as Record<string, string>,
  };
  if (!tls) return { ...own, files };
  return { ...own, tls: { clientAuth: tls.client_auth_type, options: tlsOf(tls, path, files) }, files };
}

function plain(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 10 });
  } catch (error) {
    throw new WebConfigError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** A key of a record that is none: what is wrong is said of the key. */
function messageOf(issue: {
  code?: string;
  message: string;
  issues?: readonly { message: string }[];
}): string {
  return issue.code === 'invalid_key' ? (issue.issues?.[0]?.message ?? issue.message) : issue.message;
}

const VERSIONS: Readonly<Record<TlsVersion, SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
};

function tlsOf(tls: TlsConfig, path: string, files: Map<string, string>): SecureContextOptions {
  const take = (key: 'cert_file' | 'key_file' | 'client_ca_file'): Buffer | undefined => {
    const name = tls[key];
    if (name === undefined) return undefined;
    return read(resolve(dirname(path), name), `${path}: tls_server_config: ${key}`, files);
  };
  const [cert, key, ca] = [take('cert_file'), take('key_file'), take('client_ca_file')];
  const options: SecureContextOptions = {
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(ca ? { ca } : {}),
    minVersion: VERSIONS[tls.min_version],
    maxVersion: VERSIONS[tls.max_version],
    honorCipherOrder: true,
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw new WebConfigError(
      `${path}: tls_server_config: the certificate, its key and the CA cannot be used (${[...files.keys()].slice(1).join(', ')}): ${(error as Error).message}`,
      { cause: error },
    );
  }
  return options;
}

/** What changes when a file is written or replaced. */
export function fileState(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : 'gone';
}

function read(file: string, what: string, files: Map<string, string>): Buffer {
  try {
    files.set(file, fileState(file));
    const stat = statSync(file);
    if (!stat.isFile()) throw new Error('not a regular file');
    if (stat.size > MAX_BYTES) throw new Error('larger than 1 MiB');
    return readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'no such file'
        : code === 'EACCES'
          ? `not permitted to read, as uid ${process.geteuid?.()}`
          : message;
    throw new WebConfigError(
      what === 'web_config' ? `${what}: ${file}: ${why}` : `${what}: ${file}: ${why}`,
      {
        cause: error,
      },
    );
  }
}
