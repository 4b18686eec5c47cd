import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { Dispatcher, fetch } from 'undici';
import { ioError, OciError } from '../error.js';
import { NoProxy } from './no-proxy.js';

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

export interface Connections {
  readonly fetch: typeof fetch;
  /** By a proxy where the environment names one, but see {@link NoProxy}. */
  readonly dispatcher: Dispatcher;
  /** End what is under way. */
  destroy(): Promise<void>;
}

/**
 * Connections as the options ask for them. The library is loaded here, with the first request: most runs find all in
 * the store, and it doubles their start.
 */
export async function connections(options: ConnectionOptions): Promise<Connections> {
  const undici = await import('undici');
  const env = options.env ?? process.env;
  const authorities = certificateAuthorities(options.caFile, env);
  const tls = {
    rejectUnauthorized: options.insecure !== true,
    timeout: options.connectTimeout ?? 15_000,
    ...(authorities === undefined ? {} : { ca: authorities }),
  };
  const idle = options.idleTimeout ?? 60_000;
  const common = { connect: tls, bodyTimeout: idle, headersTimeout: idle, maxHeaderSize: MAX_HEADERS };
  const direct = new undici.Agent(common);
  const noProxy = new NoProxy(env.no_proxy || env.NO_PROXY || '');
  const forHttp = proxyOf(env, 'http_proxy');
  const forHttps = proxyOf(env, 'https_proxy');
  // It knows no networks, and sends HTTPS by the proxy for HTTP where that is the only one: what goes by it is chosen
  // here.
  const proxied = new undici.EnvHttpProxyAgent({
    ...common,
    requestTls: tls,
    proxyTls: tls,
    proxyTunnel: false,
    httpProxy: forHttp.url ?? '',
    httpsProxy: forHttps.url ?? '',
    noProxy: '',
  });
  const dispatcher = direct.compose((dispatch) => (request, handler) => {
    const origin = request.origin === undefined ? undefined : new URL(request.origin);
    if (origin === undefined || noProxy.covers(origin)) return dispatch(request, handler);
    const { url, mistake } = origin.protocol === 'https:' ? forHttps : forHttp;
    if (mistake !== undefined) throw mistake;
    return url === undefined ? dispatch(request, handler) : proxied.dispatch(request, handler);
  });
  return {
    fetch: undici.fetch,
    dispatcher,
    destroy: async () => {
      await Promise.all([direct.destroy(), proxied.destroy()]);
    },
  };
}

/** Neither: none is asked for. `mistake`: of whoever named it, told when something is to go by it. */
interface ProxySetting {
  readonly url?: string;
  readonly mistake?: OciError;
}

/** As Go's tools and curl take it: without a scheme, HTTP is meant. The value may hold a password: no error shows it. */
function proxyOf(env: NodeJS.ProcessEnv, lower: string): ProxySetting {
  const upper = lower.toUpperCase();
  const text = env[lower] || env[upper];
  if (!text) return {};
  const url = text.includes('://') ? text : `http://${text}`;
  if (URL.canParse(url) && /^(?:https?|socks5?):$/.test(new URL(url).protocol)) return { url };
  const name = env[lower] ? lower : upper;
  return {
    mistake: new OciError(
      'INVALID_PROXY',
      `the proxy that ${name} names is no URL of HTTP or HTTPS, like http://proxy.example:3128`,
    ),
  };
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
