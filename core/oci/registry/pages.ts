import { OciError } from '../error.js';
import { isRecord } from '../json.js';
import type { NetworkReference } from '../reference.js';
import { readBody } from './body.js';
import { type Connection, pullScope } from './connection.js';
import { failure, unexpected } from './failure.js';
import { safeLocation } from './http.js';

const MAX_PAGE = 4 * 1024 * 1024;
const MAX_PAGES = 1000;
const MAX_ENTRIES = 200_000;

/**
 * A list that a registry hands out page by page, each naming the next in its Link header (RFC 8288). `take` returns
 * the entries of a page. `TOO_LARGE` for a list that does not end.
 */
export async function readPages<T>(
  connection: Connection,
  network: NetworkReference,
  first: string,
  signal: AbortSignal | undefined,
  take: (page: Record<string, unknown>) => readonly T[],
): Promise<T[]> {
  const entries: T[] = [];
  const seen = new Set<string>();
  for (let url: URL | undefined = connection.url(network, first); url !== undefined; ) {
    const at: URL = url;
    if (seen.has(at.href)) throw unexpected(at, 'its list goes in a circle');
    seen.add(at.href);
    const page = await readPage(connection, network, at, signal);
    for (const entry of take(page.content)) entries.push(entry);
    if (seen.size > MAX_PAGES || entries.length > MAX_ENTRIES)
      throw new OciError(
        'TOO_LARGE',
        `${network.registry}/${network.repository}: a list of more than ${MAX_ENTRIES} entries or ${MAX_PAGES} pages`,
      );
    url = page.next;
  }
  return entries;
}

async function readPage(
  connection: Connection,
  network: NetworkReference,
  at: URL,
  signal: AbortSignal | undefined,
): Promise<{ readonly content: Record<string, unknown>; readonly next: URL | undefined }> {
  return connection.retrying(async () => {
    const request = { method: 'GET', url: at, signal } as const;
    const response = await connection.send(network.registry, request, pullScope(network));
    if (!response.ok) {
      const repository = `${network.registry}/${network.repository}`;
      throw await failure(response, at, `a list of ${repository}`, `no such repository: ${repository}`);
    }
    const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
    const content = parsed(Buffer.from(await readBody(response, MAX_PAGE, at)).toString());
    if (!isRecord(content)) throw unexpected(at, 'the answer is no JSON object');
    const next = link === undefined ? undefined : safeLocation(link, at);
    if (next !== undefined && next.origin !== at.origin)
      throw unexpected(at, 'the next page is at another host');
    return { content, next };
  }, signal);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
