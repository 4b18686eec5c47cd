import type { Response } from 'undici';
import { OciError } from '../error.js';
import { connectionError, discard, shown } from './http.js';

/** The whole body of a response, of at most `limit` bytes, whatever its headers promise. */
export async function readBody(response: Response, limit: number, url: URL): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyChunks(response, url)) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new OciError('TOO_LARGE', `${shown(url)}: the answer has more than the ${limit} bytes allowed`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Leaving the loop early lets go of the connection. */
export async function* bodyChunks(response: Response, url: URL): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  let done = false;
  try {
    for (;;) {
      const next = await reader.read().catch((error) => {
        done = true;
        throw connectionError(error, { url, signal: undefined });
      });
      if (next.done) {
        done = true;
        return;
      }
      yield next.value as Uint8Array;
    }
  } finally {
    if (!done) await reader.cancel().catch(() => undefined);
    reader.releaseLock();
    await discard(response);
  }
}
