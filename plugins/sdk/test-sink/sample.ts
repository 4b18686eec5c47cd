import { EventBatch, type EventBatchData } from '../batch.js';
import type { Column, ColumnSet } from '../columns.js';
import type { MetricBatch } from '../metrics.js';
import type { EventForm } from '../sink.js';

/** 2026-01-02T03:04:05.678901234Z. */
const TIME = 1767323045678901234n;
const LABELS = { node: 'node "1"' };

/** Text that has broken sinks before: quotes, newlines, other scripts, nothing, markup. */
const TEXTS = [
  'sh',
  'quote " and \\',
  'line\nbreak\ttab',
  'größe 日本語 🐝',
  '',
  '\ufffd',
  '<b>&amp;</b>',
  '$HOME \u0001',
];

/** Events of every kind of field: `rows` of them, in the declared forms only. */
export function sampleEvents(rows: number, forms: readonly EventForm[], labelled = true): EventBatchData {
  const labels = labelled ? LABELS : {};
  const columns = sampleColumns(rows);
  const data = { probe: 'sample', map: 'print_sample', labels, count: rows };
  const lines = [...new EventBatch({ ...data, columns }, { forms: ['rows'], numbers: 'bigint' }).rows()].map(
    (row) => Buffer.from(`${row}\n`),
  );
  let end = 0;
  const lineEnds = Uint32Array.from(lines, (line) => {
    end += line.length;
    return end;
  });
  return {
    ...data,
    // Copied: bytes of Node's shared pool cannot be told apart from their neighbours'.
    ...(forms.includes('ndjson') ? { ndjson: new Uint8Array(Buffer.concat(lines)), lineEnds } : {}),
    ...(forms.includes('columns') || forms.includes('rows') ? { columns } : {}),
  };
}

function sampleColumns(rows: number): ColumnSet {
  const each = <T>(make: (row: number) => T): T[] => Array.from({ length: rows }, (_, row) => make(row));
  return {
    rows,
    timestamps: BigInt64Array.from(each((row) => TIME + BigInt(row))),
    columns: [
      { kind: 'number', path: ['pid'], dims: [], values: Uint32Array.from(each((row) => row)) },
      { kind: 'number', path: ['ret'], dims: [], values: Int32Array.from(each((row) => -row)) },
      // Beyond what a double holds.
      {
        kind: 'number',
        path: ['bytes'],
        dims: [],
        values: BigUint64Array.from(each((row) => 2n ** 64n - 1n - BigInt(row))),
      },
      {
        kind: 'number',
        path: ['took'],
        dims: [],
        format: 'duration',
        values: BigUint64Array.from(each(() => 1_500_000n)),
      },
      {
        kind: 'number',
        path: ['ok'],
        dims: [],
        format: 'bool',
        values: Uint8Array.from(each((row) => row % 2)),
      },
      {
        kind: 'number',
        path: ['state'],
        dims: [],
        format: 'enum',
        names: { 1: 'ESTABLISHED' },
        values: Uint32Array.from(each((row) => row % 3)),
      },
      { kind: 'number', path: ['load'], dims: [], values: Float64Array.from(each((row) => row / 3)) },
      {
        kind: 'number',
        path: ['stack', '[]'],
        dims: [2],
        values: Uint16Array.from({ length: 2 * rows }, (_, i) => i),
      },
      text(
        ['comm'],
        each((row) => TEXTS[row % TEXTS.length]!),
      ),
      text(
        ['addr', 'ip'],
        each((row) => `10.0.0.${row % 256}`),
        'address',
      ),
    ],
  };
}

function text(path: string[], values: readonly string[], format?: 'address'): Column {
  const encoded = values.map((value) => Buffer.from(value));
  const offsets = new Uint32Array(values.length + 1);
  encoded.forEach((value, index) => {
    offsets[index + 1] = offsets[index]! + value.length;
  });
  const bytes = new Uint8Array(Buffer.concat(encoded));
  return { kind: 'text', path, dims: [], ...(format ? { format } : {}), offsets, bytes };
}

/** A counter, a gauge and a histogram, with the values that are hard to print. */
export function sampleMetrics(): MetricBatch {
  const labels = [
    ['probe', 'sample'],
    ['comm', 'quote " and \\'],
  ] as const;
  const series = { labels, labelText: 'probe="sample",comm="quote \\" and \\\\"', start: TIME };
  return {
    kind: 'metrics',
    time: TIME + 15_000_000_000n,
    families: [
      {
        name: 'ebpf_sample_total',
        type: 'counter',
        help: 'Samples\ncounted.',
        origin: { map: 'counter_sample', hostLabels: 1, fieldNames: ['comm'] },
        series: [{ ...series, value: 2n ** 63n + 1n }],
      },
      {
        name: 'ebpf_sample_depth',
        type: 'gauge',
        help: 'Depth.',
        origin: { map: 'gauge_depth', hostLabels: 1, fieldNames: ['comm'] },
        series: [{ ...series, value: -1.5 }],
      },
      {
        name: 'ebpf_sample_seconds',
        type: 'histogram',
        help: 'Time.',
        unit: 'seconds',
        origin: { map: 'hist_sample', hostLabels: 1, fieldNames: ['comm'] },
        series: [{ ...series, histogram: { bounds: [0.001, 0.1], counts: [3, 2, 1], count: 6, sum: 1.25 } }],
      },
      { name: 'ebpf_sample_empty_total', type: 'counter', help: 'Nothing yet.', series: [] },
    ],
  };
}
