import type { RequestListener } from 'node:http';
import { createServer, type Server as SecureServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { BasicAuth } from './basic-auth.js';
import { fileState, loadWebConfig, type WebConfig } from './load.js';
import type { ClientAuth } from './schema.js';

/** Between two looks at the files. */
const LOOK_MS = 1_000;
/** A client that does not finish its handshake gives its connection back. */
const HANDSHAKE_MS = 10_000;

interface Log {
  info(message: string): void;
  error(message: string): void;
}

/**
 * TLS and basic authentication by a web config, whose files are looked at again when somebody connects: a renewed
 * certificate needs no restart. While a changed config cannot be used, the last good one stays.
 */
export class WebGuard {
  private config: WebConfig;
  /** The state of each file at the last attempt to read it. */
  private seen: ReadonlyMap<string, string>;
  private looked = performance.now();
  private readonly auth = new BasicAuth();
  private server: SecureServer | undefined;

  /** Throws a WebConfigError. */
  constructor(
    private readonly path: string,
    private readonly log: Log,
  ) {
    this.config = loadWebConfig(path);
    this.seen = this.config.files;
  }

  get secure(): boolean {
    return this.config.tls !== undefined;
  }

  /** What refuses this request; undefined when it may pass. */
  async refusal(request: Request): Promise<Response | undefined> {
    this.refresh();
    const { users } = this.config;
    if (users.size === 0) return undefined;
    switch (await this.auth.check(request.headers.get('authorization'), users)) {
      case 'admitted':
        return undefined;
      case 'busy':
        return new Response('Too many sign-ins at once\n', { status: 503, headers: { 'retry-after': '1' } });
      case 'refused':
        return new Response('Unauthorized\n', { status: 401, headers: { 'www-authenticate': 'Basic' } });
    }
  }

  /** Headers for every answer. */
  get headers(): Readonly<Record<string, string>> {
    return this.config.headers;
  }

  /** An HTTPS server that follows the config. Only where {@link secure}. */
  createServer(listener: RequestListener): SecureServer {
    const { tls } = this.config;
    const auth = tls?.clientAuth ?? 'NoClientCert';
    const server = createServer(
      {
        ...tls?.options,
        handshakeTimeout: HANDSHAKE_MS,
        requestCert: auth !== 'NoClientCert',
        rejectUnauthorized: auth === 'RequireAndVerifyClientCert',
      },
      listener,
    );
    // Before the handshake begins, which takes the context of that moment.
    server.prependListener('connection', () => this.refresh());
    server.on('secureConnection', (socket) => {
      if (!mayStay(socket, this.config.tls?.clientAuth ?? 'NoClientCert')) socket.destroy();
    });
    // A client that is no TLS client, or not ours.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.server = server;
    return server;
  }

  private refresh(): void {
    const now = performance.now();
    if (now - this.looked < LOOK_MS) return;
    this.looked = now;
    if ([...this.seen].every(([file, state]) => fileState(file) === state)) return;
    this.seen = new Map([...this.seen.keys()].map((file) => [file, fileState(file)]));
    try {
      const next = loadWebConfig(this.path);
      const changed = next.tls?.clientAuth !== this.config.tls?.clientAuth;
      if (changed)
        throw new Error(
          'tls_server_config was added or removed, or its client_auth_type changed: restart the agent',
        );
      if (next.tls) this.server?.setSecureContext(next.tls.options);
      this.config = next;
      this.seen = next.files;
      this.log.info(`${this.path}: read again`);
    } catch (error) {
      this.log.error(`${(error as Error).message}; the last good web config stays`);
    }
  }
}

/** What is decided after the handshake: Node itself knows only "verified or else". */
function mayStay(socket: TLSSocket, auth: ClientAuth): boolean {
  if (auth === 'NoClientCert' || auth === 'RequestClientCert') return true;
  const given = socket.getPeerX509Certificate() !== undefined;
  if (auth === 'RequireAnyClientCert') return given;
  return given ? socket.authorized : auth === 'VerifyClientCertIfGiven';
}
