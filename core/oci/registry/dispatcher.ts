import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { Dispatcher, fetch } from 'undici';
import { ioError } from '../error.js';

export interface ConnectionOptions {
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined;
  /** PEM file with further certificate authorities. */
  readonly caFile?: string | undefined;
  /** For `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` (either case) and `SSL_CERT_FILE`. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** For a connection to be made, ms. Default 15 s. */
  readonly connectTimeout?: number | undefined;
  /** Silence within a body, ms. Default 60 s. */
  readonly idleTimeout?: number | undefined;
}

/** Where Debian, Fedora and SUSE keep the authorities that the machine trusts; Node has its own list. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
];

/** Response headers beyond this are an attack or a mistake. */
const MAX_HEADERS = 64 * 1024;

/**
 * Connections as the options ask for them. A loopback address is never proxied, as with Go's tools.
 * The library is loaded here, with the first request: most runs find all in the store, and it doubles their start.
 */
export async function connections(
  options: ConnectionOptions,
): Promise<{ readonly fetch: typeof fetch; readonly dispatcher: Dispatcher }> {
  const undici = await import('undici');
  const env = options.env ?? process.env;
  const authorities = certificateAuthorities(options.caFile, env);
  const tls = {
    rejectUnauthorized: options.insecure !== true,
    timeout: options.connectTimeout ?? 15_000,
    ...(authorities === undefined ? {} : { ca: authorities }),
  };
  const idle = options.idleTimeout ?? 60_000;
  const dispatcher = new undici.EnvHttpProxyAgent({
    connect: tls,
    requestTls: tls,
    proxyTls: tls,
    proxyTunnel: false,
    httpProxy: env.http_proxy || env.HTTP_PROXY || '',
    httpsProxy: env.https_proxy || env.HTTPS_PROXY || '',
    noProxy: withoutLoopback(env.no_proxy || env.NO_PROXY || ''),
    bodyTimeout: idle,
    headersTimeout: idle,
    maxHeaderSize: MAX_HEADERS,
  });
  return { fetch: undici.fetch, dispatcher };
}

function withoutLoopback(noProxy: string): string {
  const names = noProxy.split(/[\s,]+/).filter(Boolean);
  return names.includes('*') ? '*' : [...names, 'localhost', '127.0.0.1', '[::1]'].join(',');
}

function certificateAuthorities(caFile: string | undefined, env: NodeJS.ProcessEnv): string[] | undefined {
  const own = [caFile, env.SSL_CERT_FILE].filter((file): file is string => Boolean(file));
  const system = SYSTEM_BUNDLES.flatMap((file) => {
    try {
      return [readFileSync(file, 'utf8')];
    } catch {
      return [];
    }
  });
  if (own.length === 0 && system.length === 0) return undefined;
  const chosen = own.map((file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw ioError('read the certificates in', file, error);
    }
  });
  return [...rootCertificates, ...system.slice(0, 1), ...chosen];
}
