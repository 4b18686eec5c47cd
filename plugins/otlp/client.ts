import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { PartResult } from '../sdk/index.js';
import type { Answer, Answers } from './answer.js';
import type { Destination } from './settings.js';

/** What is read of an answer. */
const MAX_ANSWER = 64 * 1024;
/** zlib's own are so small that most of a body's time would be spent between them. */
const GZIP = { level: 1, chunkSize: 128 * 1024 };

const gzipped = promisify(gzip);

/** Sends one signal to one collector, over connections that are kept. One attempt a call: the pipeline repeats. */
export class OtlpClient {
  private constructor(
    private readonly to: Destination,
    private readonly answers: Answers,
    private readonly agent: HttpAgent | HttpsAgent,
  ) {}

  /** Files are relative to `directory`. Throws where one cannot be read. */
  static async open(to: Destination, directory: string, answers: Answers): Promise<OtlpClient> {
    const read = (file: string): Promise<Buffer> => readFile(resolve(directory, file));
    // No limit of its own: queue.concurrency is one, and what waits here would wait on its attempt's time.
    const keepAlive = { keepAlive: true };
    if (to.url.protocol === 'http:') return new OtlpClient(to, answers, new HttpAgent(keepAlive));
    return new OtlpClient(
      to,
      answers,
      new HttpsAgent({
        ...keepAlive,
        ...(to.ca === undefined ? {} : { ca: await read(to.ca) }),
        ...(to.cert === undefined ? {} : { cert: await read(to.cert) }),
        ...(to.key === undefined ? {} : { key: await read(to.key) }),
        rejectUnauthorized: to.verify,
      }),
    );
  }

  get json(): boolean {
    return this.to.protocol === 'http/json';
  }

  async send(plain: Uint8Array, signal: AbortSignal): Promise<PartResult> {
    const { gzip: compressed, headers, url, timeout } = this.to;
    const late = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
    const body = compressed ? await gzipped(plain, GZIP) : plain;
    try {
      const answer = await this.post(
        body,
        {
          'user-agent': 'bee-agent',
          ...headers,
          'content-type': this.json ? 'application/json' : 'application/x-protobuf',
          ...(compressed ? { 'content-encoding': 'gzip' } : {}),
          'content-length': String(body.byteLength),
        },
        late ? AbortSignal.any([signal, late]) : signal,
      );
      return this.answers.resultOf(answer, this.json);
    } catch (error) {
      const why = late?.aborted && !signal.aborted ? `no answer within ${timeout} ms` : messageOf(error);
      return { status: 'retry', error: `${url.origin}: ${why}` };
    }
  }

  /** Redirects are not followed: credentials stay with the host that they are for. */
  private post(
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { url } = this.to;
    const request = url.protocol === 'http:' ? httpRequest : httpsRequest;
    return new Promise((done, fail) => {
      const call = request(
        url,
        { method: 'POST', agent: this.agent, signal, headers },
        (response: IncomingMessage) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            if (size < MAX_ANSWER) chunks.push(chunk);
            size += chunk.byteLength;
            if (size > 16 * MAX_ANSWER) response.destroy(new Error('the answer does not end'));
          });
          response.on('error', fail).on('end', () =>
            done({
              status: response.statusCode ?? 0,
              retryAfter: response.headers['retry-after'],
              contentType: response.headers['content-type'],
              body: Buffer.concat(chunks).subarray(0, MAX_ANSWER),
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

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0]) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
