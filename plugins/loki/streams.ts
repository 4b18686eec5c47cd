import type { EventBatch, Row } from '../sdk/index.js';
import { lineTime } from './line-time.js';
import { fieldsOf, type Selector, sanitizeName } from './selector.js';

export type Pairs = readonly (readonly [string, string])[];

export interface Entry {
  /** Unix time, ns. */
  timestamp: bigint;
  /** The event's JSON, without its newline. */
  readonly line: Uint8Array;
  readonly metadata: Pairs;
}

export interface Stream {
  readonly labels: Pairs;
  /** By ascending timestamp. */
  readonly entries: readonly Entry[];
}

export interface Shape {
  readonly labels: readonly Selector[];
  readonly metadata: readonly Selector[];
  readonly fixed: Pairs;
}

/** Whether rows are needed for it: lines alone are several times cheaper. */
export function needsRows({ labels, metadata }: Shape): boolean {
  return [...labels, ...metadata].some(({ kind }) => kind === 'data');
}

/** A batch's events by their labels, each stream in order of time. */
export function streamsOf(batch: EventBatch, shape: Shape): Stream[] {
  const { ndjson, lineEnds, count } = batch;
  const rows = needsRows(shape) ? [...batch.rows()] : undefined;
  const streams = new Map<string, { labels: Pairs; entries: Entry[] }>();
  const fixedStream = shape.labels.some(({ kind }) => kind === 'data') ? undefined : labelsOf(batch, shape);
  for (let i = 0; i < count; i++) {
    const labels = fixedStream ?? labelsOf(batch, shape, rows?.[i]);
    const key = JSON.stringify(labels);
    let stream = streams.get(key);
    if (!stream) {
      stream = { labels, entries: [] };
      streams.set(key, stream);
    }
    const line = ndjson.subarray(i === 0 ? 0 : lineEnds[i - 1], lineEnds[i]! - 1);
    const metadata = shape.metadata.length === 0 ? [] : pairs(batch, shape.metadata, new Map(), rows?.[i]);
    stream.entries.push({ timestamp: lineTime(line), line, metadata });
  }
  for (const { entries } of streams.values()) order(entries);
  return [...streams.values()];
}

function labelsOf(batch: EventBatch, shape: Shape, row?: Row): Pairs {
  const labels = pairs(batch, shape.labels, new Map(shape.fixed), row);
  // Loki refuses a stream without labels.
  return labels.length > 0 ? labels : [['probe', batch.probe]];
}

/** By name; a field named like a label of ours becomes exported_<name>. Empty values are as good as none to Loki. */
function pairs(
  batch: EventBatch,
  selectors: readonly Selector[],
  into: Map<string, string>,
  row: Row | undefined,
): Pairs {
  const add = (name: string, value: string): void => {
    if (value !== '' && !into.has(name)) into.set(name, value);
  };
  for (const selector of selectors) {
    switch (selector.kind) {
      case 'probe':
      case 'map':
        add(selector.kind, batch[selector.kind]);
        break;
      case 'labels':
        for (const [name, value] of Object.entries(batch.labels))
          if (selector.name === undefined || selector.name === name) add(sanitizeName(name), value);
        break;
      case 'data':
        for (const [path, value] of fieldsOf(row!, selector.path)) {
          const name = sanitizeName(path);
          const ours = name === 'probe' || name === 'map' || Object.hasOwn(batch.labels, name);
          add(ours ? `exported_${name}` : name, value);
        }
    }
  }
  return [...into].sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Sort by time, and tell equal events apart: Loki keeps one of two entries with the same time and line, and events
 * without a time of their own share that of their drain. The second of such twins is put 1 ns later, and so on; the
 * same batch always gives the same times, so that a repeated push adds nothing.
 */
function order(entries: Entry[]): void {
  let sorted = true;
  let twins = false;
  for (let i = 1; i < entries.length; i++) {
    const before = entries[i - 1]!.timestamp;
    const now = entries[i]!.timestamp;
    if (now < before) sorted = false;
    if (now === before) twins = true;
  }
  if (!sorted) entries.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
  if (sorted && !twins) return;
  const seen = new Map<string, bigint>();
  let moved = false;
  let group: bigint | undefined;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    const time = entry.timestamp;
    if (time !== group) {
      seen.clear();
      group = time;
    }
    if (time !== entries[i + 1]?.timestamp && seen.size === 0) continue;
    const text = Buffer.from(entry.line.buffer, entry.line.byteOffset, entry.line.byteLength).toString(
      'latin1',
    );
    const earlier = seen.get(text) ?? 0n;
    seen.set(text, earlier + 1n);
    if (earlier > 0n) {
      entry.timestamp = time + earlier;
      moved = true;
    }
  }
  if (moved) entries.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
}
