import { createSign, generateKeyPairSync, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './bee.js';
import { answer, bodyOf, WebServer } from './web-server.js';

export interface TokenRequest {
  readonly method: string;
  readonly authorization: string | undefined;
  readonly service: string | null;
  readonly scopes: readonly string[];
  readonly grant: string | null;
}

/**
 * A token server as docker-registry trusts one (docs.docker.com/registry/spec/auth): it signs what a user may do, for
 * a password or for a refresh token.
 */
export class TokenServer {
  readonly requests: TokenRequest[] = [];
  /** Property of the answer that holds the token. */
  answers: 'token' | 'access_token' = 'token';
  /** Actions that a user gets of those asked for. */
  allowed: readonly string[] = ['pull', 'push'];

  private constructor(
    private readonly web: WebServer,
    readonly folder: string,
  ) {}

  static async start(): Promise<TokenServer> {
    const folder = mkdtempSync(join(tmpdir(), 'bee-tokens-'));
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(folder, 'key.pem'), privateKey.export({ type: 'sec1', format: 'pem' }));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    run('openssl', 'req', '-x509', '-new', '-key', key, '-days', '2', '-subj', '/CN=tokens', '-out', cert);
    const chain = [new X509Certificate(readFileSync(cert)).raw.toString('base64')];
    const web = await WebServer.start(async (request, response) => {
      const url = new URL(request.url!, 'http://tokens');
      const form = new URLSearchParams((await bodyOf(request)).toString());
      const { authorization } = request.headers;
      const scopes = url.searchParams.getAll('scope').concat(form.get('scope')?.split(' ') ?? []);
      const grant = form.get('grant_type');
      const service = url.searchParams.get('service') ?? form.get('service');
      server.requests.push({ method: request.method!, authorization, service, scopes, grant });
      const basic = authorization === `Basic ${Buffer.from('ada:secret').toString('base64')}`;
      const refreshed = grant === 'refresh_token' && form.get('refresh_token') === 'long-lived';
      if (!basic && !refreshed) return answer(response, 401, '{}');
      const access = scopes.map((scope) => {
        const [type, name, actions = ''] = scope.split(':');
        return { type, name, actions: actions.split(',').filter((one) => server.allowed.includes(one)) };
      });
      const token = signed({ access, service, key: privateKey, chain });
      return answer(response, 200, JSON.stringify({ [server.answers]: token, expires_in: 300 }));
    });
    const server = new TokenServer(web, folder);
    return server;
  }

  /** For docker-registry's configuration. */
  get auth(): string {
    return `auth: { token: { realm: "http://${this.web.host}/token", service: probes, issuer: tests, rootcertbundle: ${join(this.folder, 'cert.pem')} } }`;
  }

  async stop(): Promise<void> {
    await this.web.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function signed(claims: {
  access: unknown;
  service: string | null;
  key: KeyObject;
  chain: string[];
}): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ typ: 'JWT', alg: 'ES256', x5c: claims.chain });
  const body = part({
    iss: 'tests',
    sub: 'ada',
    aud: claims.service,
    exp: now + 300,
    nbf: now - 10,
    iat: now,
    jti: randomUUID(),
    access: claims.access,
  });
  const sign = createSign('sha256').update(`${head}.${body}`);
  return `${head}.${body}.${sign.sign({ key: claims.key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
