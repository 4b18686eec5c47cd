import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { PartResult } from '../sdk/index.js';
import { jsonPush } from './json.js';
import type { LokiOptions } from './options.js';
import { encodePush } from './protobuf.js';
import { snappyCompress } from './snappy.js';
import type { Stream } from './streams.js';

const PUSH = '/loki/api/v1/push';
/** What is read of an answer, for its message. */
const MAX_ANSWER = 4096;
const BAD_REQUEST = 400;
const TOO_LARGE = 413;
const TOO_MANY_REQUESTS = 429;
/** Loki answers so while ingestion is blocked for the tenant: the push was not stored. */
const INGESTION_BLOCKED = 260;

const gzipped = promisify(gzip);

/** Pushes streams to one Loki, over connections that are kept. */
export class Pusher {
  private constructor(
    private readonly url: URL,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly format: LokiOptions['format'],
    private readonly agent: HttpAgent | HttpsAgent,
  ) {}

  /** Files are relative to `directory`. Throws where one cannot be read. */
  static async open(options: LokiOptions, directory: string): Promise<Pusher> {
    const read = (file: string): Promise<Buffer> => readFile(resolve(directory, file));
    const url = new URL(options.url);
    url.pathname = url.pathname.replace(/\/+$/, '').replace(new RegExp(`(${PUSH})?$`), PUSH);
    const credentials = await credentialsOf(options, read);
    const headers: Record<string, string> = {
      'user-agent': 'bee-agent',
      ...(options.tenant === undefined ? {} : { 'x-scope-orgid': options.tenant }),
      ...(credentials === undefined ? {} : { authorization: credentials }),
    };
    const { tls } = options;
    // No limit of its own: queue.concurrency is one, and what waits here would wait on its attempt's time.
    const keepAlive = { keepAlive: true };
    const agent =
      url.protocol === 'http:'
        ? new HttpAgent(keepAlive)
        : new HttpsAgent({
            ...keepAlive,
            ...(tls?.ca === undefined ? {} : { ca: await read(tls.ca) }),
            ...(tls?.cert === undefined ? {} : { cert: await read(tls.cert) }),
            ...(tls?.key === undefined ? {} : { key: await read(tls.key) }),
            rejectUnauthorized: tls?.insecure_skip_verify !== true,
          });
    return new Pusher(url, headers, options.format, agent);
  }

  async push(streams: readonly Stream[], signal: AbortSignal): Promise<PartResult> {
    const json = this.format === 'json';
    const body = json ? await gzipped(jsonPush(streams)) : snappyCompress(encodePush(streams));
    const type = json
      ? { 'content-type': 'application/json', 'content-encoding': 'gzip' }
      : { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
    try {
      const { status, retryAfter, text } = await this.send(body, { ...this.headers, ...type }, signal);
      return answerOf(status, retryAfter, text);
    } catch (error) {
      return { status: 'retry', error: `${this.url.origin}: ${messageOf(error)}` };
    }
  }

  /** Redirects are not followed: credentials stay with the host that they are for. */
  private send(
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ status: number; retryAfter: string | undefined; text: string }> {
    const request = this.url.protocol === 'http:' ? httpRequest : httpsRequest;
    return new Promise((done, fail) => {
      const call = request(
        this.url,
        {
          method: 'POST',
          agent: this.agent,
          signal,
          headers: { ...headers, 'content-length': body.byteLength },
        },
        (response: IncomingMessage) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            if (text.length < MAX_ANSWER) text += chunk;
          });
          response.on('error', fail).on('end', () =>
            done({
              status: response.statusCode ?? 0,
              retryAfter: response.headers['retry-after'],
              text: text.slice(0, MAX_ANSWER),
            }),
          );
        },
      );
      call.on('error', fail).end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/**
 * 429 and 5xx come right by themselves; every other refusal is for good. 400 is for entries that do not pass, whose
 * neighbours Loki has stored: in halves it is seen which these are. What was stored comes again with its time and its
 * text, and stays one entry.
 */
function answerOf(status: number, retryAfter: string | undefined, text: string): PartResult {
  const error = `Loki answered ${status}${text.trim() === '' ? '' : `: ${text.trim()}`}`;
  if (status === INGESTION_BLOCKED) return { status: 'drop', error };
  if (status >= 200 && status < 300) return { status: 'ok' };
  if (status === BAD_REQUEST) return { status: 'split', error };
  if (status === TOO_LARGE) return { status: 'split', error, tooLarge: true };
  if (status !== TOO_MANY_REQUESTS && status < 500) return { status: 'drop', error };
  const after = retryAfterMs(retryAfter);
  return after === undefined ? { status: 'retry', error } : { status: 'retry', error, after };
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfterMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

async function credentialsOf(
  options: LokiOptions,
  read: (file: string) => Promise<Buffer>,
): Promise<string | undefined> {
  const fromFile = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : (await read(file)).toString('utf8').trimEnd();
  const token = options.token ?? (await fromFile(options.token_file));
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new Error(`${options.token_file}: expected a token of visible characters of ASCII, in one line`);
  if (token !== undefined) return `Bearer ${token}`;
  if (options.username === undefined) return undefined;
  const password = options.password ?? (await fromFile(options.password_file)) ?? '';
  return `Basic ${Buffer.from(`${options.username}:${password}`).toString('base64')}`;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0]) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
