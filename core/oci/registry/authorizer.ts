import type { Response } from 'undici';
import { OciError } from '../error.js';
import { isRecord } from '../json.js';
import { readBody } from './body.js';
import { type Challenge, parseChallenges } from './challenge.js';
import type { Credential } from './credentials.js';
import { failure } from './failure.js';
import { discard, type HttpClient, safeLocation, shown } from './http.js';

const MAX_TOKEN_ANSWER = 256 * 1024;
/** Docker's: a token without a lifetime lives for a minute. */
const DEFAULT_LIFETIME_S = 60;
/** A token that ends so soon is not begun with, s. */
const MARGIN_S = 5;

interface Token {
  readonly header: string;
  readonly until: number;
}

/**
 * Authorisation at one registry, as its challenges ask for it: Basic, or a Bearer token of its token server
 * (distribution spec; docs.docker.com/registry/spec/auth/token and /oauth).
 */
export class Authorizer {
  private readonly tokens = new Map<string, Token>();
  /** What goes with every request, whatever its scope. */
  private fixed: string | undefined;

  constructor(
    private readonly http: HttpClient,
    private readonly registry: string,
    private readonly credential: () => Promise<Credential | undefined>,
    /** The command that would help, for messages. */
    private readonly login: string,
  ) {}

  /** What to send with a request for `scope`, where it is known from an earlier one. */
  known(scope: string): string | undefined {
    const token = this.tokens.get(scope);
    if (token && token.until > performance.now()) return token.header;
    return this.fixed;
  }

  /** What to send instead, after a 401. Throws `UNAUTHORIZED` where there is nothing to send. */
  async answer(response: Response, url: URL, scope: string, signal?: AbortSignal): Promise<string> {
    const challenges = parseChallenges(response.headers.get('www-authenticate') ?? '');
    await discard(response);
    const credential = await this.credential();
    if (credential?.registryToken) {
      this.fixed = `Bearer ${credential.registryToken}`;
      return this.fixed;
    }
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer) return this.bearer(bearer, url, scope, credential, signal);
    if (!challenges.some(({ scheme }) => scheme === 'basic'))
      throw new OciError('UNAUTHORIZED', `${url.host} wants an authorisation that we do not know`);
    if (!credential || credential.username === '') throw this.missing();
    this.fixed = basicHeader(credential);
    return this.fixed;
  }

  private missing(): OciError {
    return new OciError('UNAUTHORIZED', `${this.registry} wants a user's name and password: ${this.login}`);
  }

  private async bearer(
    { parameters }: Challenge,
    url: URL,
    scope: string,
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { realm, service } = parameters;
    if (!realm) throw new OciError('INVALID_RESPONSE', `${url.host}: its challenge names no token server`);
    const server = safeLocation(realm, url);
    const scopes = new Set([...scope.split(' '), ...(parameters.scope ?? '').split(' ')].filter(Boolean));
    const response = credential?.identityToken
      ? await this.refresh(server, service, scopes, credential.identityToken, signal)
      : await this.plain(server, service, scopes, credential, signal);
    if (!response.ok) {
      if (response.status === 401 || response.status === 403) {
        await discard(response);
        if (!credential) throw this.missing();
        throw new OciError(
          'UNAUTHORIZED',
          `${server.host} refuses the credentials for ${this.registry}: ${this.login}`,
        );
      }
      throw await failure(response, server, 'a token');
    }
    const token = tokenOf(await readBody(response, MAX_TOKEN_ANSWER, server), server);
    const header = `Bearer ${token.value}`;
    this.tokens.set(scope, { header, until: performance.now() + (token.lifetime - MARGIN_S) * 1000 });
    return header;
  }

  private plain(
    server: URL,
    service: string | undefined,
    scopes: ReadonlySet<string>,
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const url = new URL(server);
    if (service) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    if (credential?.username) url.searchParams.set('account', credential.username);
    const authorization = credential?.username ? basicHeader(credential) : undefined;
    return this.http.send({ method: 'GET', url, authorization, signal });
  }

  /** OAuth2: the refresh token goes in the body. */
  private refresh(
    url: URL,
    service: string | undefined,
    scopes: ReadonlySet<string>,
    refreshToken: string,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'bee-agent',
      refresh_token: refreshToken,
      scope: [...scopes].join(' '),
      ...(service ? { service } : {}),
    });
    return this.http.send({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      secretBody: true,
      signal,
    });
  }
}

function basicHeader({ username, password }: Credential): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function tokenOf(bytes: Uint8Array, server: URL): { value: string; lifetime: number } {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    answer = undefined;
  }
  const record = isRecord(answer) ? answer : {};
  const value = record.token ?? record.access_token;
  // What no header may hold is no token.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value))
    throw new OciError('INVALID_RESPONSE', `${shown(server)}: the answer has no token`);
  const { expires_in: lifetime } = record;
  return {
    value,
    lifetime:
      typeof lifetime === 'number' && lifetime > 0
        ? Math.max(lifetime, DEFAULT_LIFETIME_S)
        : DEFAULT_LIFETIME_S,
  };
}
