import { isRecord } from '../json.js';
import type { NetworkReference } from '../reference.js';
import { readBody } from './body.js';
import { type Connection, pullScope } from './connection.js';
import { failure, unexpected } from './failure.js';
import { safeLocation } from './http.js';

const MAX_PAGE = 4 * 1024 * 1024;
/** Pages of a list of tags or referrers: what comes after that is not looked at. */
const MAX_PAGES = 1000;

/** A list that a registry hands out page by page, each naming the next in its Link header (RFC 8288). */
export async function readPages(
  connection: Connection,
  network: NetworkReference,
  first: string,
  signal: AbortSignal | undefined,
  take: (page: Record<string, unknown>) => void,
): Promise<void> {
  let url: URL | undefined = connection.url(network, first);
  for (let page = 0; url !== undefined && page < MAX_PAGES; page++) {
    const at: URL = url;
    url = await connection.retrying(async () => {
      const response = await connection.send(
        network.registry,
        { method: 'GET', url: at, signal },
        pullScope(network),
      );
      if (!response.ok)
        throw await failure(response, at, `a list of ${network.registry}/${network.repository}`);
      const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
      const text = Buffer.from(await readBody(response, MAX_PAGE, at)).toString();
      const value = parsed(text);
      if (!isRecord(value)) throw unexpected(at, 'the answer is no JSON object');
      take(value);
      if (link === undefined) return undefined;
      const next = safeLocation(link, at);
      if (next.origin !== at.origin) throw unexpected(at, 'the next page is at another host');
      return next;
    }, signal);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
