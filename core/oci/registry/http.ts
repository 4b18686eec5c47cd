import type { Response } from 'undici';
import { quote } from '../digest.js';
import { errnoOf, OciError } from '../error.js';
import { isLinkLocal, isThisMachine } from './address.js';
import { type ConnectionOptions, connections } from './dispatcher.js';
import { Transient } from './retry.js';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` only: a redirect to another host loses it. */
  readonly authorization?: string | undefined;
  readonly body?: Uint8Array | string | undefined;
  /** The body is a secret, too: a redirect to another host is refused. */
  readonly secretBody?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpOptions extends ConnectionOptions {
  /** From the request to the end of the response's headers, ms. Default 60 s. */
  readonly headerTimeout?: number | undefined;
}

/** One request, its redirects followed. Never retries and never looks at the status. */
export interface HttpClient {
  /** Rejects with {@link Transient} where another attempt may help, otherwise with `OciError`. */
  send(request: HttpRequest): Promise<Response>;
  close(): Promise<void>;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createHttpClient(options: HttpOptions = {}): HttpClient {
  let opened: ReturnType<typeof connections> | undefined;
  const headerTimeout = options.headerTimeout ?? 60_000;

  async function once(request: HttpRequest): Promise<Response> {
    // A body that arrives slowly is the idle time-out's business; this one ends with the headers.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), headerTimeout);
    const signal =
      request.signal === undefined ? late.signal : AbortSignal.any([late.signal, request.signal]);
    try {
      request.signal?.throwIfAborted();
      opened ??= connections(options);
      const { fetch, dispatcher } = await opened;
      return await fetch(request.url, {
        method: request.method,
        redirect: 'manual',
        signal,
        dispatcher,
        headers: {
          'user-agent': 'bee-agent',
          // A digest is of the bytes as they are stored.
          'accept-encoding': 'identity',
          ...request.headers,
          ...(request.authorization === undefined ? {} : { authorization: request.authorization }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
      });
    } catch (error) {
      throw connectionError(error, request, late.signal.aborted ? headerTimeout : undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async send(request) {
      let current = request;
      for (let hops = 0; ; hops++) {
        const response = await once(current);
        const location = response.headers.get('location');
        if (!REDIRECTS.has(response.status) || location === null) return response;
        await discard(response);
        if (hops === MAX_REDIRECTS) {
          throw new OciError(
            'INVALID_RESPONSE',
            `${shown(request.url)}: more than ${MAX_REDIRECTS} redirects`,
          );
        }
        current = redirected(current, location, response.status);
      }
    },
    async close() {
      await (await opened?.catch(() => undefined))?.destroy();
    },
  };
}

/**
 * The request that a redirect asks for. Credentials stay behind when it leads to another origin, and never come
 * back; HTTPS is not left.
 */
function redirected(request: HttpRequest, location: string, status: number): HttpRequest {
  const url = safeLocation(location, request.url);
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (!reads && status !== 307 && status !== 308) {
    throw new OciError(
      'INVALID_RESPONSE',
      `${shown(request.url)}: a ${request.method} request was redirected with status ${status}`,
    );
  }
  if (url.origin === request.url.origin) return { ...request, url };
  if (request.secretBody) {
    throw new OciError(
      'INVALID_RESPONSE',
      `${shown(request.url)}: a request with credentials was redirected to ${url.host}; they are not sent there`,
    );
  }
  const { authorization: _stays, ...rest } = request;
  return { ...rest, url };
}

/** A URL that a server names in `Location`, checked. `INVALID_RESPONSE` when following it would not be safe. */
export function safeLocation(location: string, base: URL): URL {
  const refuse = (why: string) =>
    new OciError('INVALID_RESPONSE', `${shown(base)}: the Location ${quote(location.split('?')[0]!)} ${why}`);
  let url: URL;
  try {
    url = new URL(location, base);
  } catch {
    throw refuse('is not a URL');
  }
  if (url.username !== '' || url.password !== '') throw refuse('has credentials in it');
  // What only this machine can reach is none of a registry's business: services here, a cloud's metadata.
  if (isLinkLocal(url.hostname) && url.hostname !== base.hostname) throw refuse('is a link-local address');
  if (isThisMachine(url.hostname) && !isThisMachine(base.hostname)) throw refuse('leads to this machine');
  if (url.protocol === 'https:') return url;
  if (url.protocol !== 'http:') throw refuse('is neither HTTP nor HTTPS');
  if (base.protocol === 'http:') return url;
  // A registry behind a proxy that ends TLS often does not know that it was asked by HTTPS.
  if (url.hostname !== base.hostname) throw refuse('leads from HTTPS to plain HTTP');
  url.protocol = base.protocol;
  url.port = base.port;
  return url;
}

/** A URL without what may be secret: signatures and upload states are in the query. */
export function shown(url: URL): string {
  return `${url.origin}${url.pathname}`.slice(0, 300);
}

/** Let go of a response whose body nobody wants. */
export async function discard(response: Response): Promise<void> {
  if (response.bodyUsed || response.body === null || response.body.locked) return;
  await response.body.cancel().catch(() => undefined);
}

/** What went wrong below HTTP: an `OciError` that another attempt cannot help, or a {@link Transient}. */
export function connectionError(
  error: unknown,
  request: Pick<HttpRequest, 'url' | 'signal'>,
  timedOutAfter?: number,
): OciError | Transient {
  if (error instanceof OciError || error instanceof Transient) return error;
  const { url, signal } = request;
  if (signal?.aborted) {
    const timeOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
    return new OciError(
      timeOut ? 'UNREACHABLE' : 'ABORTED',
      timeOut
        ? `${url.host} did not finish in the time allowed`
        : `interrupted while speaking to ${url.host}`,
      { cause: signal.reason },
    );
  }
  if (timedOutAfter !== undefined) {
    const error = new OciError('UNREACHABLE', `${url.host} did not answer within ${timedOutAfter / 1000} s`);
    return new Transient(error);
  }
  const root = rootCause(error);
  // The proxy's settings are looked at with the first request that needs one.
  if (root instanceof OciError) return root;
  const code = errnoOf(root) ?? '';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new OciError('INVALID_RESPONSE', `${shown(url)}: the headers of the answer are too large`, {
      cause: root,
    });
  }
  if (code.startsWith('HPE_') || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return new Transient(
      new OciError('INVALID_RESPONSE', `${shown(url)}: the answer is not proper HTTP (${code})`, {
        cause: root,
      }),
    );
  }
  const why = root instanceof Error && root.message !== '' ? root.message : code || String(root);
  const failure = new OciError('UNREACHABLE', `cannot reach ${url.host}: ${explain(code, why)}`, {
    cause: root,
  });
  // `bad port`: one of those that the fetch standard keeps for other protocols.
  return PERMANENT.test(code) || why === 'bad port' ? failure : new Transient(failure);
}

/** Names that do not exist, ports that nobody listens on, certificates: another attempt finds the same. */
const PERMANENT =
  /^(?:ENOTFOUND|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO|ERR_INVALID|UND_ERR_INVALID_ARG)/;

function explain(code: string, why: string): string {
  if (code === 'ECONNREFUSED') return 'connection refused; is the registry running?';
  if (code === 'ENOTFOUND') return 'no such host';
  if (code === 'EAI_AGAIN') return 'the name cannot be resolved at the moment';
  if (/^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT)/.test(code)) {
    return `its certificate is not trusted (${why}); --ca-file names an authority, --insecure accepts any; for the agent: agent.registries`;
  }
  if (code.startsWith('ERR_SSL_WRONG_VERSION') || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return 'it does not speak TLS; --plain-http for a registry without; for the agent: plain_http in agent.registries';
  }
  if (why === 'bad port')
    return 'HTTP is not spoken on this port, which belongs to another protocol; use another';
  return why;
}

function rootCause(error: unknown): unknown {
  let current = error;
  for (let depth = 0; depth < 10; depth++) {
    if (current instanceof AggregateError && current.errors.length > 0) current = current.errors[0];
    else if (current instanceof Error && current.cause instanceof Error) current = current.cause;
    else break;
  }
  return current;
}
