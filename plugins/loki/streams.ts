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
