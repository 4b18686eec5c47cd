import type { Response } from 'undici';
import { OciError } from '../error.js';
import { isRecord } from '../json.js';
import { readBody } from './body.js';
import { shown } from './http.js';
import { parseRetryAfter, Transient } from './retry.js';

const MAX_ERROR_BODY = 64 * 1024;
/** Characters of a registry's own words that are shown. */
const MAX_WORDS = 200;

/**
 * What a status that is no success means: for good, or {@link Transient}. Reads the body. `what`: what was asked for;
 * `missing`: what a 404 says of it.
 */
export async function failure(
  response: Response,
  url: URL,
  what: string,
  missing = `no such thing: ${what}`,
): Promise<OciError | Transient> {
  const { status } = response;
  const words = await ownWords(response, url);
  const said = `${whoAnswers(response, url)} ${status}${words === '' ? '' : ` (${words})`}`;
  if (status === 401 || status === 403)
    return new OciError('UNAUTHORIZED', `no permission for ${what}: ${said}`);
  if (status === 404) return new OciError('NOT_FOUND', `${missing}: ${said}`);
  if (status === 429 || status === 408 || status >= 500) {
    return new Transient(
      new OciError('UNREACHABLE', `${what}: ${said}`),
      parseRetryAfter(response.headers.get('retry-after')),
    );
  }
  return new OciError('REFUSED', `${what}: ${said}`);
}

/**
 * {@link failure} of a request to where an upload goes on: a registry that knows nothing of it (404,
 * BLOB_UPLOAD_UNKNOWN) or is elsewhere in it (416) may take it from its beginning, so these are {@link Transient}.
 */
export async function uploadFailure(
  response: Response,
  url: URL,
  what: string,
): Promise<OciError | Transient> {
  const { status } = response;
  const error = await failure(response, url, what);
  return error instanceof OciError && (status === 404 || status === 416)
    ? new Transient(error, undefined, true)
    : error;
}

function whoAnswers(response: Response, url: URL): string {
  const { host } = new URL(response.url === '' ? url : response.url);
  return host === url.host ? `${host} answers` : `${host}, to which ${url.host} redirected, answers`;
}

/** Error codes and messages of the distribution spec, on one line, without what could act on a terminal. */
async function ownWords(response: Response, url: URL): Promise<string> {
  try {
    const answer = Buffer.from(await readBody(response, MAX_ERROR_BODY, url)).toString();
    // Go's servers, to somebody who speaks HTTP to them: this machine's registries are spoken to so by default.
    if (/HTTP request to an HTTPS server/.test(answer))
      return 'it speaks TLS: --ca-file names its authority, --insecure accepts any certificate';
    const body: unknown = JSON.parse(answer);
    const errors = isRecord(body) && Array.isArray(body.errors) ? body.errors : [];
    const text = errors
      .filter(isRecord)
      .map(({ code, message }) => [code, message].filter((part) => typeof part === 'string').join(': '))
      .join('; ');
    return text
      .replace(/[^\x20-\x7e]+/g, ' ')
      .slice(0, MAX_WORDS)
      .trim();
  } catch {
    return '';
  }
}

export function unexpected(url: URL, why: string): OciError {
  return new OciError('INVALID_RESPONSE', `${shown(url)}: ${why}`);
}
