import fc from 'fast-check';
import type { EventBatchData, RowColumn } from '../../../plugins/sdk/index.js';

/** One event: a line, a time, an enum, a pair of numbers, a text, two names of eight bytes. */
export interface TestEvent {
  readonly line: string;
  readonly time: bigint;
  readonly state: number;
  readonly pair: readonly [bigint, bigint];
  readonly text: string;
  readonly names: readonly [bigint, bigint];
}

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

export const anyEvent: fc.Arbitrary<TestEvent> = fc.record({
  line: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => JSON.stringify(text)),
  time: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  state: fc.integer({ min: 0, max: 255 }),
  pair: fc.tuple(u64, u64),
  text: fc.string({ unit: 'grapheme', maxLength: 20 }),
  names: fc.tuple(u64, u64),
});

/** Every form of these events; with `raw`, the names are there as well. */
export function batchOfEvents(
  events: readonly TestEvent[],
  more: Partial<EventBatchData> = {},
  raw = false,
): EventBatchData {
  const lines = events.map(({ line }) => Buffer.from(`${line}\n`));
  const texts = events.map(({ text }) => Buffer.from(text));
  const ends = (parts: readonly Buffer[]): number[] => {
    let end = 0;
    return parts.map((part) => (end += part.length));
  };
  const names = BigUint64Array.from(events.flatMap((event) => event.names));
  const columns: RowColumn[] = [
    {
      kind: 'number',
      path: ['state'],
      dims: [],
      format: 'enum',
      names: { 1: 'ON', 2: 'OFF' },
      values: Uint8Array.from(events, ({ state }) => state),
    },
    {
      kind: 'number',
      path: ['pair', '[]'],
      dims: [2],
      values: BigUint64Array.from(events.flatMap(({ pair }) => pair)),
    },
    {
      kind: 'text',
      path: ['text'],
      dims: [],
      offsets: Uint32Array.from([0, ...ends(texts)]),
      bytes: new Uint8Array(Buffer.concat(texts)),
    },
  ];
  if (raw)
    columns.push({
      ...{ kind: 'raw', format: 'text', path: ['names', '[]'], dims: [2], width: 2 },
      values: new Uint32Array(names.buffer),
    });
  const timestamps = BigInt64Array.from(events, ({ time }) => time);
  return {
    probe: 'p',
    map: 'm',
    labels: { node: 'n' },
    count: events.length,
    ndjson: new Uint8Array(Buffer.concat(lines)),
    lineEnds: Uint32Array.from(ends(lines)),
    columns: { rows: events.length, timestamps, columns },
    ...more,
  };
}

/** The events of a batch, read back from its forms. */
export function eventsOf({ ndjson, lineEnds, columns, count }: EventBatchData): TestEvent[] {
  const [state, pair, text, names] = columns!.columns;
  if (state?.kind !== 'number' || pair?.kind !== 'number' || text?.kind !== 'text')
    throw new Error('other columns than were put in');
  const namesAt = (i: number): bigint => {
    if (names?.kind !== 'raw') return 0n;
    return (BigInt(names.values[2 * i + 1]!) << 32n) | BigInt(names.values[2 * i]!);
  };
  return Array.from({ length: count }, (_, i) => ({
    line: Buffer.from(ndjson!.subarray(i === 0 ? 0 : lineEnds![i - 1], lineEnds![i]! - 1)).toString(),
    time: columns!.timestamps[i]!,
    state: Number(state.values[i]),
    pair: [pair.values[2 * i] as bigint, pair.values[2 * i + 1] as bigint] as const,
    text: Buffer.from(text.bytes.subarray(text.offsets[i], text.offsets[i + 1])).toString(),
    names: [namesAt(2 * i), namesAt(2 * i + 1)] as const,
  }));
}
