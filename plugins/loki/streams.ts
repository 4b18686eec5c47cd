import type { EventBatch, Row } from '../sdk/index.js';
import { LineClock } from './line-time.js';
import { fieldsOf, type Selector, sanitizeName } from './selector.js';

export type Pairs = readonly (readonly [string, string])[];

/** One event: its time, and where its JSON stands in the stream's text, without its newline. */
export interface Entry {
  /** Unix time, in whole seconds and what is left of it. */
  seconds: number;
  nanos: number;
  readonly from: number;
  readonly to: number;
  readonly metadata: Pairs;
}

export interface Stream {
  readonly labels: Pairs;
  readonly text: Uint8Array;
  readonly entries: Entry[];
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

/** A batch's events by their labels, in the order in which they came. */
export function streamsOf(batch: EventBatch, shape: Shape): Stream[] {
  const { ndjson, lineEnds, count } = batch;
  const rows = needsRows(shape) ? [...batch.rows()] : undefined;
  const streams = new Map<string, Stream>();
  const streamOf = (labels: Pairs): Stream => {
    const key = JSON.stringify(labels);
    let stream = streams.get(key);
    if (!stream) {
      stream = { labels, text: ndjson, entries: [] };
      streams.set(key, stream);
    }
    return stream;
  };
  const only = shape.labels.some(({ kind }) => kind === 'data')
    ? undefined
    : streamOf(labelsOf(batch, shape));
  const common = shape.metadata.some(({ kind }) => kind === 'data') ? undefined : metadataOf(batch, shape);
  const clock = new LineClock(ndjson);
  let from = 0;
  for (let i = 0; i < count; i++) {
    const to = lineEnds[i]!;
    clock.read(from);
    const { seconds, nanos } = clock;
    const metadata = common ?? metadataOf(batch, shape, rows?.[i]);
    const { entries } = only ?? streamOf(labelsOf(batch, shape, rows?.[i]));
    entries.push({ seconds, nanos, from, to: to - 1, metadata });
    from = to;
  }
  return [...streams.values()];
}

/** The entries from one index up to another, all streams counted together. */
export function cut(streams: readonly Stream[], from: number, to: number): Stream[] {
  const parts: Stream[] = [];
  let first = 0;
  for (const stream of streams) {
    const { length } = stream.entries;
    const [start, end] = [Math.max(0, from - first), Math.min(length, to - first)];
    if (start === 0 && end === length) parts.push(stream);
    else if (start < end) parts.push({ ...stream, entries: stream.entries.slice(start, end) });
    first += length;
  }
  return parts;
}

function metadataOf(batch: EventBatch, shape: Shape, row?: Row): Pairs {
  return shape.metadata.length === 0 ? [] : pairs(batch, shape.metadata, new Map(), row);
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
