import type { Response } from 'undici';
import type { NetworkReference } from '../reference.js';
import { apiHost, isLoopback } from './address.js';
import { Authorizer } from './authorizer.js';
import type { Credential } from './credentials.js';
import { createHttpClient, type HttpClient, type HttpOptions, type HttpRequest } from './http.js';
import { type RetryOptions, withRetry } from './retry.js';

/** How one registry is spoken to. */
export interface TransportOptions extends Pick<HttpOptions, 'insecure' | 'caFile'> {
  /** Speak HTTP without TLS; with a loopback address that is the default, unless `insecure` or `caFile` say of TLS. */
  readonly plainHttp?: boolean | undefined;
}

export interface RegistryOptions extends TransportOptions, HttpOptions, RetryOptions {
  /** Those that are spoken to in another way: by host, lower case, with the port as it is written in references. */
  readonly registries?: Readonly<Record<string, TransportOptions>> | undefined;
  /** Asked once a registry, when it wants to know. */
  readonly credential?: ((registry: string) => Promise<Credential | undefined>) | undefined;
  /** What a user types to log in, for messages; the registry's name follows. Default `bee login`. */
  readonly login?: string | undefined;
  /** Bytes of a piece of an upload. Default 8 MiB. */
  readonly chunk?: number | undefined;
}

/** Requests to registries: to their addresses, with what each wants to be shown. Keeps the tokens of each. */
export class Connection {
  private readonly http: HttpClient;
  private readonly authorizers = new Map<string, Authorizer>();
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(readonly options: RegistryOptions) {
    this.http = createHttpClient(options);
  }

  close(): Promise<void> {
    return this.http.close();
  }

  /** Where the API of a registry is. */
  origin(registry: string): URL {
    const host = apiHost(registry);
    // A certificate is spoken of: then there is one.
    const { plainHttp, insecure, caFile } = this.options;
    const plain = plainHttp ?? (isLoopback(host) && !insecure && caFile === undefined);
    return new URL(`${plain ? 'http' : 'https'}://${host}`);
  }

  /** `path` below a repository: `tags/list`. */
  url({ registry, repository }: NetworkReference, path: string): URL {
    return new URL(`/v2/${repository}/${path}`, this.origin(registry));
  }

  /** Send, and once more with what the registry's challenge asks for. */
  async send(registry: string, request: HttpRequest, scope: string): Promise<Response> {
    const authorizer = this.authorizer(registry);
    // An upload's Location may lead elsewhere: credentials are for the registry only.
    const own = this.origin(registry).origin;
    const isOwn = request.url.origin === own;
    const first = await this.http.send({
      ...request,
      authorization: isOwn ? authorizer.known(scope) : undefined,
    });
    // Neither is one to whom a redirect led asked in the registry's name: it would choose who gets them.
    if (first.status !== 401 || !isOwn || new URL(first.url).origin !== own) return first;
    const authorization = await authorizer.answer(first, request.url, scope, request.signal);
    return this.http.send({ ...request, authorization });
  }

  retrying<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return withRetry(attempt, this.options, signal);
  }

  /** Run `work` when all that was begun before under the same key has ended, well or not. */
  async inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.turns.get(key) ?? Promise.resolve()).then(work, work);
    this.turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.turns.get(key) === turn) this.turns.delete(key);
    }
  }

  private authorizer(registry: string): Authorizer {
    let authorizer = this.authorizers.get(registry);
    if (!authorizer) {
      const { credential, login = 'bee login' } = this.options;
      let asked: Promise<Credential | undefined> | undefined;
      authorizer = new Authorizer(
        this.http,
        registry,
        () => {
          asked ??= credential?.(registry) ?? Promise.resolve(undefined);
          return asked;
        },
        `${login} ${registry}`,
      );
      this.authorizers.set(registry, authorizer);
    }
    return authorizer;
  }
}

/** Called with bytes that went over the wire. */
export type Progress = (bytes: number) => void;

export const pullScope = ({ repository }: NetworkReference): string => `repository:${repository}:pull`;
export const pushScope = ({ repository }: NetworkReference): string => `repository:${repository}:pull,push`;
