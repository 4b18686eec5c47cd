import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import otlp from '../../../plugins/otlp/index.js';
import { partialSuccess } from '../../../plugins/otlp/partial-success.js';
import { destination, resourceAttributes } from '../../../plugins/otlp/settings.js';
import {
  EventBatch,
  type MetricBatch,
  type Series,
  type Sink,
  type SinkContext,
  testSink,
} from '../../../plugins/sdk/index.js';

const { root } = protobuf.parse(
  readFileSync(new URL('../../fixtures/otlp/otlp.proto', import.meta.url), 'utf8'),
  { keepCase: false },
);
const decode = (type: string, bytes: Uint8Array): Record<string, never> => {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: String, defaults: false }) as Record<string, never>;
};

interface Post {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

let server: Server;
let url: string;
let posts: Post[];
let answer:
  | { status: number; headers?: Record<string, string>; body?: string | Uint8Array }
  | 'reset'
  | 'half'
  | 'hang';
/** What is answered to a request instead, where it says so. */
let refuse: (post: Post) => Exclude<typeof answer, string> | undefined;
const warned: string[] = [];
let sink: Sink | undefined;

beforeEach(async () => {
  counted.clear();
  posts = [];
  answer = { status: 200 };
  refuse = () => undefined;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const post = { url: request.url!, headers: request.headers, body: Buffer.concat(chunks) };
      posts.push(post);
      const given = refuse(post) ?? answer;
      if (given === 'reset') request.socket.destroy();
      else if (given === 'half') {
        response.writeHead(200, { 'content-length': 100 });
        response.write('x');
        setTimeout(() => request.socket.destroy(), 20);
      } else if (given !== 'hang') response.writeHead(given.status, given.headers).end(given.body);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await sink?.close();
  sink = undefined;
  server.closeAllConnections();
  server.close();
});

const counted = new Map<string, number>();
const context = {
  name: 'o',
  directory: '/',
  labels: { node: 'n1', zone: 'z' },
  log: { debug() {}, info() {}, warn: (text: string) => warned.push(text), error() {} },
  telemetry: {
    counter: (name: string) => ({
      add: (value: number) => counted.set(name, (counted.get(name) ?? 0) + value),
    }),
  },
} as unknown as SinkContext;

async function parsed(options: object) {
  const result = await otlp.options['~standard'].validate(options);
  if (result.issues) throw new Error(result.issues.map(({ message }) => message).join());
  return result.value;
}

async function open(options: object = {}): Promise<void> {
  sink = await otlp.open(await parsed({ endpoint: url, ...options }), context);
}

const labels: Series['labels'] = [
  ['probe', 'p'],
  ['comm', 'é"\n'],
];
const series = (more: Partial<Series>): Series => ({
  labels,
  labelText: 'probe="p",comm="x"',
  start: 1_000n,
  ...more,
});

function metricBatch(
  time: bigint,
  values: { counter: number | bigint; gauge?: number; counts?: number[]; start?: bigint },
): MetricBatch {
  const { counter, gauge = 1.5, counts = [1, 2, 3], start = 1_000n } = values;
  return {
    kind: 'metrics',
    time,
    families: [
      { name: 'execs_total', type: 'counter', help: 'Execs.', series: [series({ value: counter, start })] },
      { name: 'load', type: 'gauge', help: 'Load.', unit: 'bytes', series: [series({ value: gauge })] },
      {
        name: 'took_seconds',
        type: 'histogram',
        help: 'Time.',
        unit: 'seconds',
        series: [
          series({
            start,
            histogram: { bounds: [0.5, 1], counts, count: counts.reduce((a, b) => a + b), sum: 12.5 },
          }),
        ],
      },
      { name: 'empty_total', type: 'counter', help: 'Nothing.', series: [] },
    ],
  };
}

const call = () => ({ signal: new AbortController().signal });
const writeMetrics = (batch: MetricBatch) => sink!.writeMetrics!(batch, call());

function events(): EventBatch {
  return new EventBatch(
    {
      probe: 'p',
      map: 'print_x',
      labels: { node: 'n1' },
      count: 2,
      columns: {
        rows: 2,
        timestamps: BigInt64Array.from([1_700_000_000_000_000_001n, 5n]),
        columns: [
          { kind: 'number', path: ['pid'], dims: [], values: Uint32Array.from([7, 8]) },
          {
            kind: 'number',
            path: ['big'],
            dims: [],
            values: BigUint64Array.from([2n ** 63n - 1n, 2n ** 64n - 1n]),
          },
          { kind: 'number', path: ['ok'], dims: [], format: 'bool', values: Uint8Array.from([1, 0]) },
          { kind: 'number', path: ['ratio'], dims: [], values: Float64Array.from([2, Number.NaN]) },
          {
            kind: 'number',
            path: ['mode'],
            dims: [],
            format: 'enum',
            names: { '1': 'ON' },
            values: Int32Array.from([1, -9]),
          },
          { kind: 'number', path: ['in', 'port'], dims: [], values: Uint16Array.from([443, 80]) },
          { kind: 'number', path: ['in', 'load'], dims: [], values: Float32Array.from([2, 0.5]) },
          { kind: 'number', path: ['list', '[]'], dims: [2], values: Uint8Array.from([1, 2, 3, 4]) },
          {
            kind: 'text',
            path: ['probe'],
            dims: [],
            offsets: Uint32Array.from([0, 3, 4]),
            bytes: Buffer.from('aéb'),
          },
        ],
      },
    },
    { forms: ['columns'], sink: 'o', numbers: 'bigint' },
  );
}

describe('metrics', () => {
  it('are what the protocol buffers say, zipped', async () => {
    await open({ resource: { 'service.name': 'mine' }, headers: { 'x-key': 'secret' } });
    expect(await writeMetrics(metricBatch(9_000n, { counter: 2n ** 63n - 1n }))).toEqual({ status: 'ok' });
    const [post] = posts;
    expect(post!.url).toBe('/v1/metrics');
    expect(post!.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
      'x-key': 'secret',
    });
    const message = decode('ExportMetricsServiceRequest', gunzipSync(post!.body));
    const attributes = [
      { key: 'probe', value: { stringValue: 'p' } },
      { key: 'comm', value: { stringValue: 'é"\n' } },
    ];
    expect(message).toEqual({
      resourceMetrics: [
        {
          resource: {
            attributes: expect.arrayContaining([
              { key: 'service.name', value: { stringValue: 'mine' } },
              { key: 'node', value: { stringValue: 'n1' } },
            ]),
          },
          scopeMetrics: [
            {
              scope: { name: 'bee-agent', version: '1' },
              metrics: [
                {
                  name: 'execs_total',
                  description: 'Execs.',
                  sum: {
                    aggregationTemporality: 2,
                    isMonotonic: true,
                    dataPoints: [
                      {
                        startTimeUnixNano: '1000',
                        timeUnixNano: '9000',
                        asInt: '9223372036854775807',
                        attributes,
                      },
                    ],
                  },
                },
                {
                  name: 'load',
                  description: 'Load.',
                  unit: 'By',
                  gauge: { dataPoints: [{ timeUnixNano: '9000', asDouble: 1.5, attributes }] },
                },
                {
                  name: 'took_seconds',
                  description: 'Time.',
                  unit: 's',
                  histogram: {
                    aggregationTemporality: 2,
                    dataPoints: [
                      {
                        startTimeUnixNano: '1000',
                        timeUnixNano: '9000',
                        count: '6',
                        sum: 12.5,
                        bucketCounts: ['1', '2', '3'],
                        explicitBounds: [0.5, 1],
                        attributes,
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('beyond signed 64 bits are doubles', async () => {
    await open({ compression: 'none' });
    await writeMetrics(metricBatch(9_000n, { counter: 2n ** 64n - 1n }));
    const message = decode('ExportMetricsServiceRequest', posts[0]!.body) as never as {
      resourceMetrics: { scopeMetrics: { metrics: { sum: { dataPoints: unknown[] } }[] }[] }[];
    };
    expect(message.resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.sum.dataPoints[0]).toMatchObject({
      asDouble: 2 ** 64,
    });
  });

  it.each(['http/protobuf', 'http/json'])('have their exemplars: %s', async (protocol) => {
    await open({ protocol, compression: 'none' });
    const batch = metricBatch(9_000n, { counter: 5 });
    const exemplars = [
      { labels: [['pid', '7'] as const], value: 2, time: 8_000n },
      { labels: [], value: 0.75, time: 8_001n },
    ];
    await writeMetrics({
      ...batch,
      families: batch.families.map((family) => ({
        ...family,
        series: family.series.map((one) => (family.type === 'gauge' ? one : { ...one, exemplars })),
      })),
    });
    const { body } = posts[0]!;
    const message = (
      protocol === 'http/json' ? JSON.parse(body.toString()) : decode('ExportMetricsServiceRequest', body)
    ) as {
      resourceMetrics: {
        scopeMetrics: { metrics: Record<string, { dataPoints?: { exemplars?: unknown }[] }>[] }[];
      }[];
    };
    const { metrics } = message.resourceMetrics[0]!.scopeMetrics[0]!;
    const wanted = [
      {
        filteredAttributes: [{ key: 'pid', value: { stringValue: '7' } }],
        timeUnixNano: '8000',
        asInt: '2',
      },
      { timeUnixNano: '8001', asDouble: 0.75 },
    ];
    expect(metrics[0]!.sum!.dataPoints![0]!.exemplars).toMatchObject(wanted);
    expect(metrics[1]!.gauge!.dataPoints![0]!.exemplars ?? []).toEqual([]);
    expect(metrics[2]!.histogram!.dataPoints![0]!.exemplars).toMatchObject(wanted);
  });

  it('have, as differences, only the exemplars since what arrived last', async () => {
    await open({ temporality: 'delta', protocol: 'http/json', compression: 'none' });
    const sent = async (time: bigint, counter: number) => {
      const batch = metricBatch(time, { counter });
      const exemplars = [5n, 15n].map((at) => ({ labels: [], value: 1, time: at }));
      const [first, ...rest] = batch.families;
      await writeMetrics({
        ...batch,
        families: [{ ...first!, series: first!.series.map((one) => ({ ...one, exemplars })) }, ...rest],
      });
      const { metrics } = JSON.parse(posts.at(-1)!.body.toString()).resourceMetrics[0].scopeMetrics[0];
      return (metrics[0].sum.dataPoints[0].exemplars as { timeUnixNano: string }[]).map(
        ({ timeUnixNano }) => timeUnixNano,
      );
    };
    expect(await sent(10n, 1)).toEqual(['5', '15']);
    expect(await sent(20n, 2)).toEqual(['15']);
  });

  it('are the same in JSON', async () => {
    await open({ protocol: 'http/json', compression: 'none' });
    await writeMetrics(metricBatch(9_000n, { counter: 5, gauge: Number.NaN }));
    const { metrics } = JSON.parse(posts[0]!.body.toString()).resourceMetrics[0].scopeMetrics[0];
    expect(posts[0]!.headers['content-type']).toBe('application/json');
    expect(metrics[0].sum.dataPoints[0]).toMatchObject({ asInt: '5', timeUnixNano: '9000' });
    expect(metrics[1].gauge.dataPoints[0]).toMatchObject({ asDouble: 'NaN' });
    expect(metrics[2].histogram.dataPoints[0]).toMatchObject({ count: '6', bucketCounts: ['1', '2', '3'] });
  });

  it('as differences: since what arrived last, and from the beginning where a series began anew', async () => {
    await open({ temporality: 'delta', protocol: 'http/json', compression: 'none' });
    const sent = async (batch: MetricBatch) => {
      await writeMetrics(batch);
      const { metrics } = JSON.parse(posts.at(-1)!.body.toString()).resourceMetrics[0].scopeMetrics[0];
      const [sum, , histogram] = metrics;
      const { asInt, startTimeUnixNano } = sum.sum.dataPoints[0];
      expect(sum.sum.aggregationTemporality).toBe(1);
      return [asInt, startTimeUnixNano, histogram.histogram.dataPoints[0].bucketCounts.join()];
    };
    expect(await sent(metricBatch(10n, { counter: 5 }))).toEqual(['5', '1000', '1,2,3']);
    expect(await sent(metricBatch(20n, { counter: 7, counts: [1, 4, 3] }))).toEqual(['2', '10', '0,2,0']);
    // Not taken: the next one has it, too.
    answer = { status: 503 };
    expect(await sent(metricBatch(30n, { counter: 8, counts: [1, 4, 4] }))).toEqual(['1', '20', '0,0,1']);
    answer = { status: 400 };
    await sent(metricBatch(40n, { counter: 9, counts: [1, 4, 4] }));
    answer = { status: 200 };
    expect(await sent(metricBatch(50n, { counter: 12, counts: [1, 5, 4] }))).toEqual(['5', '20', '0,1,1']);
    expect(await sent(metricBatch(60n, { counter: 3, start: 57n, counts: [1, 0, 0] }))).toEqual([
      '3',
      '57',
      '1,0,0',
    ]);
  });
});

it('reports of a histogram that the kernel keeps what each bucket has more, whatever the others do', async () => {
  await open({ temporality: 'delta', protocol: 'http/json', compression: 'none' });
  const sent = async (time: bigint, start: bigint, buckets: Record<string, number>, born = 1n) => {
    const counts = [...Object.values(buckets), 0];
    const histogram = {
      bounds: Object.keys(buckets).map(Number),
      counts,
      count: counts.reduce((a, b) => a + b),
    };
    await writeMetrics({
      kind: 'metrics',
      time,
      families: [{ name: 'h', type: 'histogram', help: '', series: [series({ start, born, histogram })] }],
    });
    const { metrics } = JSON.parse(posts.at(-1)!.body.toString()).resourceMetrics[0].scopeMetrics[0];
    const [point] = metrics[0].histogram.dataPoints;
    return [point.startTimeUnixNano, point.explicitBounds.join(), point.bucketCounts.join(), point.count];
  };
  expect(await sent(10n, 1n, { 1: 4, 5: 2 })).toEqual(['1', '1,5', '4,2,0', '6']);
  expect(await sent(20n, 1n, { 1: 5, 5: 2, 10: 1 })).toEqual(['10', '1,5,10', '1,0,1,0', '2']);
  // A bucket is evicted, another one falls: the store starts the series again.
  expect(await sent(30n, 25n, { 5: 9, 10: 1 })).toEqual(['20', '5,10', '7,0,0', '7']);
  expect(await sent(40n, 35n, { 1: 2, 5: 3, 10: 4 })).toEqual(['30', '1,5,10', '2,3,3,0', '8']);
  // The probe began anew, and has counted more than it had by then.
  expect(await sent(50n, 45n, { 5: 1, 10: 7 }, 45n)).toEqual(['45', '5,10', '1,7,0', '8']);
});

describe('events', () => {
  it('go over as many connections as there are writes at once', async () => {
    answer = 'hang';
    await open();
    const ending = new AbortController();
    const writes = Array.from({ length: 8 }, () => sink!.write!(events(), { signal: ending.signal }));
    await vi.waitFor(() => expect(posts.length).toBe(8));
    ending.abort();
    await Promise.all(writes);
  });

  it('are log records whose attributes have the types of the kernel', async () => {
    await open({ compression: 'none' });
    expect(await sink!.write!(events(), call())).toEqual({ status: 'ok' });
    expect(posts[0]!.url).toBe('/v1/logs');
    const message = decode('ExportLogsServiceRequest', posts[0]!.body) as never as {
      resourceLogs: { scopeLogs: { logRecords: { attributes: { key: string; value: unknown }[] }[] }[] }[];
    };
    const [first, second] = message.resourceLogs[0]!.scopeLogs[0]!.logRecords;
    expect(first).toMatchObject({
      timeUnixNano: '1700000000000000001',
      severityNumber: 9,
      body: { stringValue: 'p.print_x' },
    });
    const attributes = (record: typeof first) =>
      Object.fromEntries(record!.attributes.map(({ key, value }) => [key, value]));
    expect(attributes(first)).toEqual({
      'event.name': { stringValue: 'p.print_x' },
      probe: { stringValue: 'p' },
      map: { stringValue: 'print_x' },
      node: { stringValue: 'n1' },
      pid: { intValue: '7' },
      big: { intValue: '9223372036854775807' },
      ok: { boolValue: true },
      ratio: { doubleValue: 2 },
      mode: { stringValue: 'ON' },
      // Whole numbers beside a float stay integers, and those of a float doubles.
      in: {
        kvlistValue: {
          values: [
            { key: 'port', value: { intValue: '443' } },
            { key: 'load', value: { doubleValue: 2 } },
          ],
        },
      },
      list: { arrayValue: { values: [{ intValue: '1' }, { intValue: '2' }] } },
      'data.probe': { stringValue: 'aé' },
    });
    expect(attributes(second)).toMatchObject({
      big: { stringValue: '18446744073709551615' },
      mode: { intValue: '-9' },
      ratio: { doubleValue: Number.NaN },
    });
  });
});

/** Columns of every kind, deep, long, and at the ends of their ranges. */
function odd(): EventBatch {
  const words = ['', 'é'.repeat(70), 'x'.repeat(20_000)];
  let end = 0;
  const offsets = Uint32Array.from(['', ...words], (word) => {
    end += Buffer.byteLength(word);
    return end;
  });
  const text = { dims: [], offsets, bytes: Buffer.from(words.join('')) };
  const digits = ['-170141183460469231731687303715884105728', '-9223372036854775808', '9007199254740993'];
  const long = 'n'.repeat(200);
  return new EventBatch(
    {
      probe: 'p',
      map: 'print_x',
      labels: { node: 'n'.repeat(300) },
      count: 3,
      columns: {
        rows: 3,
        timestamps: BigInt64Array.from([1n, -1n, 2n ** 62n + 1n]),
        columns: [
          { kind: 'text', path: ['text'], ...text },
          { kind: 'text', path: ['deep', long, 'text'], ...text },
          { kind: 'number', path: ['deep', 'i8'], dims: [], values: Int8Array.from([-128, -1, 127]) },
          {
            kind: 'number',
            path: ['deep', 'i32'],
            dims: [],
            values: Int32Array.from([-(2 ** 31), 127, 128]),
          },
          {
            kind: 'number',
            path: ['deep', 'u32'],
            dims: [],
            values: Uint32Array.from([2 ** 32 - 1, 2 ** 31, 0]),
          },
          {
            kind: 'number',
            path: ['deep', 'i64'],
            dims: [],
            values: BigInt64Array.from([-(2n ** 63n), -1n, 2n ** 63n - 1n]),
          },
          {
            kind: 'number',
            path: ['deep', 'u64'],
            dims: [],
            values: BigUint64Array.from([2n ** 63n, 2n ** 64n - 1n, 2n ** 32n]),
          },
          {
            kind: 'text',
            path: ['i128'],
            dims: [],
            format: 'int',
            offsets: Uint32Array.from([0, 40, 60, 76]),
            bytes: Buffer.from(digits.join('')),
          },
          {
            kind: 'number',
            path: ['at'],
            dims: [],
            format: 'pointer',
            values: BigUint64Array.from([0n, 255n, 2n ** 64n - 1n]),
          },
          {
            kind: 'number',
            path: ['mode'],
            dims: [],
            format: 'enum',
            names: { '1': 'ON', '18446744073709551615': 'ALL' },
            values: BigUint64Array.from([1n, 2n ** 64n - 1n, 2n ** 64n - 2n]),
          },
          {
            kind: 'number',
            path: ['grid', '[]', 'row', '[]'],
            dims: [2, 3],
            values: Uint16Array.from({ length: 18 }, (_, i) => i * 4000),
          },
          { kind: 'number', path: ['__proto__'], dims: [], values: Uint8Array.from([1, 2, 3]) },
        ],
      },
    },
    { forms: ['columns'], sink: 'o', numbers: 'bigint' },
  );
}

it('says the same of events in protobuf and in JSON, whatever they hold', async () => {
  const sent: { resourceLogs: { scopeLogs: { logRecords: Record<string, unknown>[] }[] }[] }[] = [];
  for (const protocol of ['http/protobuf', 'http/json']) {
    await open({ protocol, compression: 'none' });
    expect(await sink!.write!(odd(), call())).toEqual({ status: 'ok' });
    await sink!.close();
    const { body } = posts.at(-1)!;
    sent.push(
      protocol === 'http/json'
        ? JSON.parse(body.toString())
        : (decode('ExportLogsServiceRequest', body) as never),
    );
  }
  const records = sent.map(({ resourceLogs }) =>
    resourceLogs[0]!.scopeLogs[0]!.logRecords.map(({ observedTimeUnixNano, timeUnixNano, ...record }) => ({
      ...record,
      // Unsigned in the protocol buffers.
      timeUnixNano: BigInt.asUintN(64, BigInt(timeUnixNano as string)),
    })),
  );
  expect(records[0]!.length).toBe(3);
  expect(records[0]).toEqual(records[1]);
  expect(JSON.stringify(sent[0])).toContain('"-9223372036854775808"');
  expect(sent[0]!.resourceLogs[0]!.scopeLogs[0]!.logRecords[1]!.attributes).toEqual(
    expect.arrayContaining([
      { key: 'i128', value: { intValue: '-9223372036854775808' } },
      { key: 'at', value: { stringValue: '0xff' } },
      { key: 'mode', value: { stringValue: 'ALL' } },
      { key: '__proto__', value: { intValue: '2' } },
    ]),
  );
});

describe('answers', () => {
  const rejected = (count: number, message: string): Uint8Array => {
    const type = root.lookupType('ExportServiceResponse');
    return type.encode(type.create({ partialSuccess: { rejected: count, errorMessage: message } })).finish();
  };

  it.each<[string, () => typeof answer, object]>([
    ['200', () => ({ status: 200 }), { status: 'ok' }],
    [
      'a partial success',
      () => ({ status: 200, body: rejected(1, 'too old') }),
      { status: 'ok', rejected: 1, error: 'the collector rejected them: too old' },
    ],
    [
      'a partial success with more words than are read',
      () => ({ status: 200, body: rejected(3, 'too old '.repeat(2 ** 15)) }),
      // Of two.
      { status: 'ok', rejected: 2, error: expect.stringMatching(/ too old too/) },
    ],
    [
      'a partial success of 0 with a warning',
      () => ({ status: 200, body: rejected(0, 'hm') }),
      { status: 'ok' },
    ],
    ['nonsense with 200', () => ({ status: 200, body: Buffer.from([0xff, 0xff]) }), { status: 'ok' }],
    [
      '429',
      () => ({ status: 429, headers: { 'retry-after': '7' } }),
      { status: 'retry', after: 7000, error: expect.stringContaining('429') },
    ],
    ['502', () => ({ status: 502 }), { status: 'retry', error: expect.stringContaining('502') }],
    ['503', () => ({ status: 503 }), { status: 'retry', error: expect.stringContaining('503') }],
    ['504', () => ({ status: 504 }), { status: 'retry', error: expect.stringContaining('504') }],
    [
      '500, which is not to be tried again',
      () => ({ status: 500 }),
      { status: 'drop', error: expect.stringContaining('500') },
    ],
    [
      '400',
      () => ({ status: 400, body: 'no\u001b[2J' }),
      { status: 'drop', error: expect.stringMatching(/400: no \[2J$/) },
    ],
    [
      'a redirect',
      () => ({ status: 307, headers: { location: 'http://127.0.0.1:1/' } }),
      { status: 'drop', error: expect.stringContaining('307') },
    ],
    ['a reset', () => 'reset', { status: 'retry', error: expect.stringContaining('127.0.0.1') }],
    ['half an answer', () => 'half', { status: 'retry', error: expect.stringContaining('127.0.0.1') }],
  ])('%s', async (_, given, expected) => {
    await open();
    answer = given();
    expect(await sink!.write!(events(), call())).toEqual(expected);
  });

  it('whatever they hold reject nothing by mistake', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (body, json) => {
        expect(partialSuccess(body, json)?.rejected ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
    const said = '{"partialSuccess":{"rejectedDataPoints":"4","errorMessage":"a \\"b';
    expect(partialSuccess(Buffer.from(`${said}"}}`), true)).toEqual({ rejected: 4, words: 'a "b' });
    expect(partialSuccess(Buffer.from(said), true)).toMatchObject({ rejected: 4 });
    expect(
      partialSuccess(Buffer.from('{"partialSuccess":{"errorMessage":"\\"rejectedDataPoints\\":5'), true),
    ).toBe(undefined);
    expect(partialSuccess(Buffer.from('{"partialSuccess":null}'), true)).toEqual({ rejected: 0, words: '' });
    expect(partialSuccess(rejected(5, 'old'), false)).toEqual({ rejected: 5, words: 'old' });
    const snake = '{"partial_success":{"rejected_log_records":"4","error_message":"old"}}';
    expect(partialSuccess(Buffer.from(snake), true)).toEqual({ rejected: 4, words: 'old' });
  });

  it.each([
    ['1.5', 1],
    ['0.5', 0],
    ['"NaN"', 0],
    ['-3', 0],
    ['1e300', Number.MAX_SAFE_INTEGER],
    ['9223372036854775807', Number.MAX_SAFE_INTEGER],
  ])('that reject %s events reject a whole number of them', (said, whole) => {
    const body = Buffer.from(`{"partialSuccess":{"rejectedLogRecords":${said}}}`);
    expect(partialSuccess(body, true)?.rejected).toBe(whole);
  });

  it('are read in the form that they say they have, and those that cannot be read are counted', async () => {
    await open();
    const json = { 'content-type': 'application/json; charset=utf-8' };
    const words = 'too old '.repeat(2 ** 14);
    answer = {
      status: 200,
      headers: json,
      body: JSON.stringify({ partialSuccess: { rejectedLogRecords: '2', errorMessage: words } }),
    };
    expect(await sink!.write!(events(), call())).toMatchObject({
      status: 'ok',
      rejected: 2,
      error: expect.stringMatching(/^the collector rejected them: too old too/),
    });
    expect(counted.get('unreadable_answers_total')).toBe(undefined);
    warned.length = 0;
    for (const body of ['<html>', '{"partialSuccess":{"err']) {
      answer = { status: 200, headers: json, body };
      expect(await sink!.write!(events(), call())).toEqual({ status: 'ok' });
    }
    expect(counted.get('unreadable_answers_total')).toBe(2);
    expect(warned).toEqual([expect.stringContaining('is no OTLP response')]);
  });

  it('413 has events sent in parts, and points', async () => {
    await open({ compression: 'none' });
    const sent: number[] = [];
    refuse = ({ url: path, body }) => {
      const type = path === '/v1/logs' ? 'ExportLogsServiceRequest' : 'ExportMetricsServiceRequest';
      const message = JSON.stringify(decode(type, body));
      const count = message.match(/"(observedT|t)imeUnixNano"/g)!.length / (path === '/v1/logs' ? 2 : 1);
      if (count > 1) return { status: 413 };
      sent.push(count);
      return undefined;
    };
    expect(await sink!.write!(events(), call())).toEqual({ status: 'ok' });
    expect(sent).toEqual([1, 1]);
    expect(await writeMetrics(metricBatch(9_000n, { counter: 5 }))).toEqual({ status: 'ok' });
    expect(sent).toEqual([1, 1, 1, 1, 1]);
    refuse = () => ({ status: 413, body: 'too large' });
    expect(await sink!.write!(events(), call())).toEqual({
      status: 'drop',
      error: 'the collector answered 413: too large',
    });
  });

  it('that come between two parts keep the differences of the first', async () => {
    await open({ temporality: 'delta', protocol: 'http/json', compression: 'none' });
    const points = (post: Post): string[] => {
      const { metrics } = JSON.parse(post.body.toString()).resourceMetrics[0].scopeMetrics[0];
      return metrics.flatMap((one: { sum?: { dataPoints: { asInt: string }[] } }) =>
        (one.sum?.dataPoints ?? []).map(({ asInt }) => asInt),
      );
    };
    let taken = 0;
    // The counter arrives alone, then nothing does.
    refuse = (post) => {
      const { metrics } = JSON.parse(post.body.toString()).resourceMetrics[0].scopeMetrics[0];
      if (metrics.length > 1) return { status: 413 };
      return taken++ > 0 ? { status: 503 } : undefined;
    };
    expect(await writeMetrics(metricBatch(10n, { counter: 5 }))).toMatchObject({ status: 'retry' });
    expect(counted.get('points_total')).toBe(1);
    refuse = () => undefined;
    expect(await writeMetrics(metricBatch(20n, { counter: 7 }))).toEqual({ status: 'ok' });
    expect(points(posts.at(-1)!)).toEqual(['2']);
    expect([counted.get('points_total'), counted.get('rejected_points_total')]).toEqual([4, 0]);
  });
});

describe('settings', () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://general:4318/base/',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'https://logs.example/in',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=two%20words',
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'a=2',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=x,team=a%2Cb',
    OTEL_SERVICE_NAME: 'svc',
  };

  it('come from the variables of the specification', async () => {
    const metrics = destination('metrics', await parsed({}), env);
    expect(metrics.url.href).toBe('http://general:4318/base/v1/metrics');
    expect(metrics).toMatchObject({
      protocol: 'http/json',
      gzip: false,
      headers: { a: '2', b: 'two words' },
    });
    expect(destination('logs', await parsed({}), env).url.href).toBe('https://logs.example/in');
    expect(resourceAttributes(await parsed({}), {}, env)).toMatchObject({
      'service.name': 'svc',
      team: 'a,b',
    });
    expect(destination('logs', await parsed({}), {}).url.href).toBe('http://localhost:4318/v1/logs');
  });

  it('of the config come first', async () => {
    const chosen = await parsed({
      endpoint: 'http://mine:1',
      protocol: 'http/protobuf',
      headers: { a: '9' },
      resource: { team: 'z' },
    });
    const logs = destination('logs', chosen, env);
    expect(logs.url.href).toBe('http://mine:1/v1/logs');
    expect(logs).toMatchObject({ protocol: 'http/protobuf', headers: { a: '9' } });
    expect(resourceAttributes(chosen, { team: 'y', node: 'n1' }, env)).toMatchObject({
      team: 'z',
      node: 'n1',
    });
  });

  it('that cannot be are told', async () => {
    const chosen = await parsed({});
    expect(() => destination('logs', chosen, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toThrow(
      /"grpc".*spoken here/,
    );
    expect(() => destination('logs', chosen, { OTEL_EXPORTER_OTLP_ENDPOINT: 'nonsense' })).toThrow(/no URL/);
    await expect(parsed({ endpoint: 'ftp://x' })).rejects.toThrow(/expected a URL/);
    for (const value of ['', 'two\nlines', ' space', 'tab\t', '日'])
      await expect(parsed({ headers: { a: value } })).rejects.toThrow(/expected a header value/);
    await expect(parsed({ headers: { a: 'Basic x=, y' } })).resolves.toBeDefined();
    const secret = (): unknown =>
      destination('logs', chosen, { OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'b=1,a=pass%0Aword' });
    expect(secret).toThrow('OTEL_EXPORTER_OTLP_LOGS_HEADERS: the header "a" has characters');
    expect(secret).not.toThrow(/word/);
    await expect(parsed({ endpont: 'http://x' })).rejects.toThrow(/endpont/);
  });
});

it('keeps the contract', () => testSink(otlp, { options: { endpoint: url } }));
