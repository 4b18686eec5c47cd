import { createHmac, randomBytes } from 'node:crypto';

/** Stands for the hash of a user who is not there, so that asking takes as long: as exporter-toolkit's, cost 10. */
const NOBODY = '$2b$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi';
/** Credentials that were right, remembered: a scraper's password costs bcrypt once. Guesses are not, and displace none. */
const REMEMBERED = 100;
/** Checks that wait for their turn; more get 503, so that guessing cannot hold any amount of memory. */
const MAX_WAITING = 32;
/** bcrypt itself reads no more than 72 bytes of a password; a header of Node's is 16 KiB at most. */
const MAX_CREDENTIALS = 1024;

export type Verdict = 'admitted' | 'refused' | 'busy';

/**
 * HTTP basic authentication (RFC 7617) against bcrypt hashes. One check at a time, in libuv's pool: guessing
 * takes one core's bcrypt, never the event loop, and leaves the pool's other threads to files.
 */
export class BasicAuth {
  /** Keyed by a MAC: neither passwords nor their order of comparison are in memory. */
  private readonly admitted = new Set<string>();
  private readonly secret = randomBytes(32);
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  async check(header: string | null, users: ReadonlyMap<string, string>): Promise<Verdict> {
    const credentials = parse(header);
    if (!credentials) return 'refused';
    const [user, password] = credentials;
    const known = users.get(user);
    const hash = known ?? NOBODY;
    const key = createHmac('sha256', this.secret)
      .update(JSON.stringify([user, hash, password]))
      .digest('base64');
    if (this.admitted.has(key)) return 'admitted';
    if (this.waiting >= MAX_WAITING) return 'busy';
    this.waiting++;
    // `$2y$` is what PHP and htpasswd call the algorithm that OpenBSD calls `$2b$`.
    const checked = this.turn.then(() => matches(password, hash.replace(/^\$2y/, '$2b')));
    this.turn = checked.catch(() => {});
    try {
      if (!(await checked) || known === undefined) return 'refused';
      if (this.admitted.size >= REMEMBERED) this.admitted.clear();
      this.admitted.add(key);
      return 'admitted';
    } finally {
      this.waiting--;
    }
  }
}

/** The library is loaded at first use: it is native, and few need it. */
async function matches(password: string, hash: string): Promise<boolean> {
  const { default: bcrypt } = await import('bcrypt');
  return bcrypt.compare(password, hash);
}

function parse(header: string | null): [user: string, password: string] | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined || encoded.length > MAX_CREDENTIALS) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : [text.slice(0, colon), text.slice(colon + 1)];
}
