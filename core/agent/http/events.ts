import type { Lines } from '../../decode/index.js';

/** Bytes that wait for one slow reader; beyond that, it loses events. */
const MAX_WAITING = 4 << 20;
export const MAX_TAIL = 1000;

/** One event map, as `/events` sees it. */
export interface EventSource {
  readonly probe: string;
  readonly map: string;
  /** Render the last events. `sequence`: events of the source so far, as in {@link EventHub.publish}. */
  tail(limit: number): Promise<{ ndjson: Uint8Array; sequence: number }>;
}

export interface EventQuery {
  readonly probe?: string;
  readonly map?: string;
  readonly limit: number;
}

/** The events of all probes for whoever asks with curl. Rendered on request; live lines only while somebody follows. */
export class EventHub {
  private readonly sources = new Set<EventSource>();
  private readonly followers = new Set<Follower>();
  /** Events that slow followers lost. */
  lost = 0;

  add(source: EventSource): void {
    this.sources.add(source);
  }

  remove(source: EventSource): void {
    this.sources.delete(source);
  }

  get followerCount(): number {
    return this.followers.size;
  }

  isFollowed(source: EventSource): boolean {
    for (const follower of this.followers) if (matches(source, follower.query)) return true;
    return false;
  }

  /** Lines of a drain. `sequence`: events of this source so far, these included. */
  publish(source: EventSource, lines: Lines, sequence: number): void {
    for (const follower of this.followers) {
      if (matches(source, follower.query)) this.lost += follower.take(source, lines, sequence);
    }
  }

  /** The last events of every matching map, in order of their timestamps. */
  async last(query: EventQuery): Promise<Uint8Array> {
    const tails = await Promise.all(this.matching(query).map((source) => source.tail(query.limit)));
    return merge(
      tails.map((tail) => tail.ndjson),
      query.limit,
    );
  }

  /** The last events, then live ones until the reader goes. None is shown twice, none is missed but by a slow reader. */
  follow(query: EventQuery): ReadableStream<Uint8Array> {
    const follower = new Follower(query, () => this.followers.delete(follower));
    this.followers.add(follower);
    void this.begin(follower);
    return follower.stream;
  }

  private async begin(follower: Follower): Promise<void> {
    const sources = this.matching(follower.query);
    const tails = await Promise.all(
      sources.map(async (source) => ({ source, ...(await source.tail(follower.query.limit)) })),
    ).catch(() => []);
    const shown = new Map(tails.map(({ source, sequence }) => [source, sequence] as const));
    follower.begin(
      merge(
        tails.map((tail) => tail.ndjson),
        follower.query.limit,
      ),
      shown,
    );
  }

  private matching(query: EventQuery): EventSource[] {
    return [...this.sources].filter((source) => matches(source, query));
  }

  close(): void {
    for (const follower of this.followers) follower.end();
  }
}

function matches(source: EventSource, query: EventQuery): boolean {
  return (!query.probe || query.probe === source.probe) && (!query.map || query.map === source.map);
}

/** Every line begins `{"timestamp":"…` with a timestamp of fixed width: text order is time order. */
function merge(parts: readonly Uint8Array[], limit: number): Uint8Array {
  if (limit === 0) return new Uint8Array(0);
  if (parts.length === 1) return parts[0]!;
  const lines = parts.flatMap((part) => Buffer.from(part).toString().split('\n').filter(Boolean));
  const key = (line: string): string => line.slice(0, 46);
  lines.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  const last = lines.slice(-limit);
  return Buffer.from(last.length > 0 ? `${last.join('\n')}\n` : '');
}

interface Waiting {
  readonly source: EventSource;
  readonly lines: Lines;
  readonly sequence: number;
}

class Follower {
  readonly stream: ReadableStream<Uint8Array>;
  private controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Batches that came while the tail was being rendered. */
  private early: Waiting[] | undefined = [];
  private earlyBytes = 0;
  private ended = false;

  constructor(
    readonly query: EventQuery,
    private readonly onEnd: () => void,
  ) {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        cancel: () => this.end(),
      },
      { highWaterMark: MAX_WAITING, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }

  /** Returns how many events were lost. */
  take(source: EventSource, lines: Lines, sequence: number): number {
    if (this.ended) return 0;
    const count = lines.lineEnds.length;
    if (this.early) {
      if (this.earlyBytes > MAX_WAITING) return count;
      this.early.push({ source, lines, sequence });
      this.earlyBytes += lines.ndjson.byteLength;
      return 0;
    }
    if ((this.controller.desiredSize ?? 0) <= 0) return count;
    this.controller.enqueue(lines.ndjson.slice());
    return 0;
  }

  begin(tail: Uint8Array, shown: ReadonlyMap<EventSource, number>): void {
    const early = this.early ?? [];
    this.early = undefined;
    if (this.ended) return;
    if (tail.byteLength > 0) this.controller.enqueue(tail);
    for (const { source, lines, sequence } of early) {
      if (sequence > (shown.get(source) ?? 0)) this.controller.enqueue(lines.ndjson.slice());
    }
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.onEnd();
    try {
      this.controller.close();
    } catch {
      // Cancelled by its reader: closed already.
    }
  }
}
