import { createServer, type Server } from 'node:net';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import otlp from '../../plugins/otlp/index.js';
import {
  type ExponentialBuckets,
  type MetricBatch,
  metricProducer,
  type Series,
  type Sink,
} from '../../plugins/sdk/index.js';
import { everyKind, TIME } from './batches.js';
import { makeCertificates } from './certificates.js';
import { type CollectedPoint, Collector } from './collector.js';
import { Nginx } from './nginx.js';
import { call, opened } from './opened.js';
import { eventually } from './service.js';

let number = 0;

/** A batch of metrics whose every series has the label `run`, to be found by. */
function reading(
  run: string,
  time: bigint,
  values: { counter: number | bigint; counts?: number[] },
): MetricBatch {
  const labels = (more: Record<string, string> = {}): Series['labels'] =>
    Object.entries({ probe: 'p', run, ...more });
  const series = (name: string, value: number | bigint): Series => ({
    labels: labels({ value: name }),
    labelText: `run="${run}",value="${name}"`,
    start: TIME,
    value,
  });
  const { counter, counts = [1, 2, 3] } = values;
  const count = counts.reduce((a, b) => a + b);
  return {
    kind: 'metrics',
    time,
    families: [
      {
        name: 'ebpf_bytes_total',
        type: 'counter',
        help: 'Bytes.',
        unit: 'bytes',
        series: [
          series('moving', counter),
          series('2^53+1', 2n ** 53n + 1n),
          series('2^63-1', 2n ** 63n - 1n),
          series('2^64-1', 2n ** 64n - 1n),
        ],
      },
      {
        name: 'ebpf_level',
        type: 'gauge',
        help: 'Level.',
        series: [series('-2^63', -(2n ** 63n)), series('0.1', 0.1), series('-7', -7)],
      },
      {
        name: 'ebpf_took_seconds',
        type: 'histogram',
        help: 'Time.',
        unit: 'seconds',
        series: [
          {
            labels: labels({ value: 'sum' }),
            labelText: 'value="sum"',
            start: TIME,
            histogram: { bounds: [0.5, 1], counts, count, sum: 12.25 },
          },
          {
            labels: labels({ value: 'no sum' }),
            labelText: 'value="no sum"',
            start: TIME,
            histogram: { bounds: [0.5, 1], counts, count },
          },
        ],
      },
    ],
  };
}

/** As the debug exporter writes a time. */
const goTime = (ns: bigint): string => {
  const fraction = String(ns % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`} +0000 UTC`;
};

describe.skipIf(!Collector.program)(
  'otlp at a real Collector (build-collector.sh left none: skipped)',
  () => {
    let collector: Collector;
    let nginx: Nginx | undefined;
    let hanging: Server | undefined;
    let sink: Sink | undefined;
    beforeAll(async () => {
      collector = await Collector.start();
    });
    afterEach(async () => {
      vi.unstubAllEnvs();
      await sink?.close();
      await nginx?.stop();
      hanging?.close();
      sink = nginx = hanging = undefined;
    });
    afterAll(() => collector?.service.stop());

    async function open(options: object = {}) {
      const made = await opened(otlp, { endpoint: collector.url, ...options });
      sink = made.sink;
      return made;
    }

    const pointsOf = (run: string, count: number): Promise<CollectedPoint[]> =>
      eventually(async () => {
        const points = collector.points.filter(({ attributes }) => attributes.run === `Str(${run})`);
        return points.length >= count ? points : undefined;
      });
    const logsOf = (batch: number) =>
      eventually(async () => {
        const logs = collector.logs.filter(({ attributes }) => attributes.number === `Int(${batch})`);
        return logs.length >= 2 ? logs : undefined;
      });

    describe.each([
      { protocol: 'http/protobuf', compression: 'gzip' },
      { protocol: 'http/protobuf', compression: 'none' },
      { protocol: 'http/json', compression: 'gzip' },
      { protocol: 'http/json', compression: 'none' },
    ])('$protocol, $compression', (form) => {
      it('events are logs with every value as it was in the kernel', async () => {
        await open({ ...form, resource: { 'deployment.environment': 'test' } });
        const batch = ++number;
        expect(await sink!.write!(everyKind(batch), call())).toEqual({ status: 'ok' });
        const [first, second, ...more] = await logsOf(batch);
        expect(more).toEqual([]);
        expect(first!.resource).toMatchObject({
          'service.name': 'Str(bee-agent)',
          'deployment.environment': 'Str(test)',
        });
        expect(first!.fields).toMatchObject({
          Timestamp: goTime(TIME),
          SeverityText: 'INFO',
          SeverityNumber: 'Info(9)',
          Body: 'Str(p.print_x)',
        });
        expect(second!.fields.Timestamp).toBe(goTime(TIME + 1n));
        const common = {
          'event.name': 'Str(p.print_x)',
          probe: 'Str(p)',
          map: 'Str(print_x)',
          node: 'Str(n1)',
          number: `Int(${batch})`,
        };
        expect(first!.attributes).toEqual({
          ...common,
          small: 'Int(-128)',
          u64: 'Int(9223372036854775807)',
          s64: 'Int(-9223372036854775808)',
          ok: 'Bool(true)',
          ratio: 'Double(2)',
          mode: 'Str(ON)',
          in: 'Map({"port":443})',
          list: 'Slice([1,2])',
          comm: 'Str(aé)',
        });
        expect(second!.attributes).toEqual({
          ...common,
          small: 'Int(127)',
          u64: 'Str(18446744073709551615)',
          s64: 'Int(9007199254740993)',
          ok: 'Bool(false)',
          ratio: 'Double(0.1)',
          mode: 'Int(-9)',
          in: 'Map({"port":80})',
          list: 'Slice([3,4])',
          comm: 'Str(b"c\\d)',
        });
      });

      it('metrics are exact up to 2^63-1, and doubles above', async () => {
        const { counted } = await open(form);
        const run = `exact ${JSON.stringify(Object.values(form))}`;
        const time = TIME + 60_000_000_000n;
        expect(await sink!.writeMetrics!(reading(run, time, { counter: 5 }), call())).toEqual({
          status: 'ok',
        });
        const points = await pointsOf(run, 9);
        expect(points.length).toBe(9);
        const of = (value: string): CollectedPoint =>
          points.find(({ attributes }) => attributes.value === `Str(${value})`)!;
        for (const [value, text] of [
          ['moving', '5'],
          ['2^53+1', '9007199254740993'],
          ['2^63-1', '9223372036854775807'],
          ['2^64-1', '18446744073709551616.000000'],
          ['-2^63', '-9223372036854775808'],
          ['0.1', '0.100000'],
          ['-7', '-7'],
        ] as const)
          expect(of(value).fields.Value, value).toBe(text);
        expect(of('moving').metric).toMatchObject({
          Name: 'ebpf_bytes_total',
          Unit: 'By',
          DataType: 'Sum',
          IsMonotonic: 'true',
          AggregationTemporality: 'Cumulative',
        });
        expect(of('-7').metric).toMatchObject({ Name: 'ebpf_level', DataType: 'Gauge' });
        expect(of('moving').fields).toMatchObject({ StartTimestamp: goTime(TIME), Timestamp: goTime(time) });
        expect(of('sum').metric).toMatchObject({ Unit: 's', DataType: 'Histogram' });
        expect(of('sum').fields).toMatchObject({ Count: '6', Sum: '12.250000' });
        expect(of('sum').bounds).toEqual([0.5, 1]);
        expect(of('sum').buckets).toEqual({ '#0': 1, '#1': 2, '#2': 3 });
        expect(of('no sum').fields.Sum).toBeUndefined();
        expect(counted.get('points_total')).toBe(9);
      });
    });

    it.each(['http/protobuf', 'http/json'])('%s: exemplars come with their points', async (protocol) => {
      await open({ protocol });
      const run = `exemplars ${protocol}`;
      const labels = Object.entries({ run });
      const common = { labels, labelText: `run="${run}"`, start: TIME };
      const at = TIME + 1_000_000_007n;
      const exemplars = [{ labels: [['pid', '4711'] as const], value: 0.75, time: at }];
      const exponential = { scale: 0, zeroCount: 0, offset: -1, counts: [1] };
      const histogram = { bounds: [1], counts: [1, 0], count: 1, sum: 0.75 };
      const families: MetricBatch['families'] = [
        { name: 'c_total', type: 'counter', help: '', series: [{ ...common, value: 1, exemplars }] },
        { name: 'h', type: 'histogram', help: '', series: [{ ...common, histogram, exemplars }] },
        {
          name: 'e',
          type: 'histogram',
          help: '',
          series: [{ ...common, histogram: { ...histogram, exponential }, exemplars }],
        },
      ];
      const time = TIME + 5_000_000_000n;
      expect(await sink!.writeMetrics!({ kind: 'metrics', time, families }, call())).toEqual({
        status: 'ok',
      });
      const points = await pointsOf(run, 3);
      expect(points.map(({ metric }) => metric.DataType)).toEqual([
        'Sum',
        'Histogram',
        'ExponentialHistogram',
      ]);
      for (const { exemplars: shown } of points) {
        expect(shown).toEqual([
          expect.objectContaining({ Timestamp: goTime(at), Value: '0.750000', pid: 'Str(4711)' }),
        ]);
      }
    });

    it.each(['http/protobuf', 'http/json'])(
      '%s: exponential histograms come back bucket by bucket',
      async (protocol) => {
        await open({ protocol });
        const run = `exponential ${protocol}`;
        const batch = (exponential: ExponentialBuckets): MetricBatch => {
          const counts = [exponential.zeroCount, ...exponential.counts];
          const count = counts.reduce((a, b) => a + b);
          const histogram = { bounds: [0, 1], counts: [1, 1, count - 2], count, sum: 77, exponential };
          const labels = Object.entries({ run });
          const series = [{ labels, labelText: `run="${run}"`, start: TIME, histogram }];
          return {
            kind: 'metrics',
            time: TIME + 5n,
            families: [{ name: 'ebpf_wait_seconds', type: 'histogram', help: 'x', unit: 'seconds', series }],
          };
        };
        // (2^(-2/2), 2^(-1/2)] and so on.
        const sent = batch({ scale: 1, zeroCount: 1, offset: -2, counts: [1, 0, 300] });
        expect(await sink!.writeMetrics!(sent, call())).toEqual({ status: 'ok' });
        const [point] = await pointsOf(run, 1);
        expect(point!.metric).toMatchObject({
          DataType: 'ExponentialHistogram',
          AggregationTemporality: 'Cumulative',
        });
        expect(point!.fields).toMatchObject({ Count: '302', Sum: '77.000000', StartTimestamp: goTime(TIME) });
        expect(point!.buckets).toEqual({
          '[0, 0]': 1,
          '(0.500000, 0.707107]': 1,
          '(0.707107, 1.000000]': 0,
          '(1.000000, 1.414214]': 300,
        });
        await sink!.close();
        await open({ protocol, histogram: 'explicit' });
        expect(await sink!.writeMetrics!(sent, call())).toEqual({ status: 'ok' });
        const [, explicit] = await pointsOf(run, 2);
        expect(explicit!.metric.DataType).toBe('Histogram');
        expect(explicit!.buckets).toEqual({ '#0': 1, '#1': 1, '#2': 300 });
      },
    );

    it('differences have a state of their own: what a dead collector did not get comes with the next', async () => {
      await open({ temporality: 'delta' });
      const moving = async (count: number) =>
        (await pointsOf('delta', count * 9))
          .filter(({ attributes }) => attributes.value === 'Str(moving)')
          .map(({ fields, metric }) => [metric.AggregationTemporality, fields.Value]);
      const write = (counter: number, counts: number[]) =>
        sink!.writeMetrics!(reading('delta', TIME + BigInt(counter), { counter, counts }), call());
      await write(5, [1, 2, 3]);
      expect((await write(7, [1, 2, 3])).status).toBe('ok');
      expect(await moving(2)).toEqual([
        ['Delta', '5'],
        ['Delta', '2'],
      ]);
      await collector.service.kill();
      expect(await write(8, [1, 2, 3])).toMatchObject({ status: 'retry' });
      expect(await write(11, [2, 2, 3])).toMatchObject({ status: 'retry' });
      await collector.service.start();
      expect((await write(12, [2, 4, 3])).status).toBe('ok');
      expect((await moving(3)).at(-1)).toEqual(['Delta', '5']);
      const histogram = (await pointsOf('delta', 27)).filter(
        ({ attributes }) => attributes.value === 'Str(sum)',
      );
      expect(histogram.at(-1)!.buckets).toEqual({ '#0': 1, '#1': 2, '#2': 0 });
      expect(histogram.at(-1)!.fields).toMatchObject({ Count: '3', StartTimestamp: goTime(TIME + 7n) });
    });

    it('a PeriodicExportingMetricReader and the stock exporter of the SDK take our MetricProducer', async () => {
      const reader = new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url: `${collector.url}/v1/metrics` }),
        exportIntervalMillis: 3_600_000,
        metricProducers: [metricProducer(() => reading('sdk', TIME + 9n, { counter: 5 }))],
      });
      const provider = new MeterProvider({ readers: [reader] });
      await provider.forceFlush();
      const points = await pointsOf('sdk', 9);
      const values = points.map(({ attributes, fields }) => [attributes.value, fields.Value ?? fields.Count]);
      expect(values).toEqual([
        ['Str(moving)', '5.000000'],
        ['Str(2^53+1)', '9007199254740992.000000'],
        ['Str(2^63-1)', '9223372036854775808.000000'],
        ['Str(2^64-1)', '18446744073709551616.000000'],
        ['Str(-2^63)', '-9223372036854775808.000000'],
        ['Str(0.1)', '0.100000'],
        ['Str(-7)', '-7.000000'],
        ['Str(sum)', '6'],
        ['Str(no sum)', '6'],
      ]);
      expect(points[0]!.fields).toMatchObject({ StartTimestamp: goTime(TIME), Timestamp: goTime(TIME + 9n) });
      await provider.shutdown();
    });

    describe.skipIf(!Nginx.program)('behind nginx (not installed: skipped)', () => {
      it('with TLS and a client certificate, by options and by the variables of OpenTelemetry', async () => {
        const { ca, server, client } = makeCertificates();
        nginx = await Nginx.start(
          `ssl_certificate ${server.cert};
         ssl_certificate_key ${server.key};
         ssl_client_certificate ${ca};
         ssl_verify_client on;
         if ($http_x_key != "a, secret") { return 401; }
         if ($http_content_encoding != "gzip") { return 415; }
         if ($http_content_type != "application/json") { return 415; }
         location / { proxy_pass ${collector.url}; }`,
          true,
        );
        const headers = { 'x-key': 'a, secret' };
        const write = (batch: number) => sink!.write!(everyKind(batch), call());
        const json = { endpoint: nginx.url, headers, protocol: 'http/json' };
        await open({ ...json, tls: { ca, ...client } });
        expect(await write(++number)).toEqual({ status: 'ok' });
        await logsOf(number);
        await sink!.close();
        await open({ ...json, tls: { ca } });
        expect(await write(++number)).toMatchObject({
          status: 'drop',
          error: expect.stringMatching(/400.*No required SSL certificate/),
        });
        await sink!.close();
        await open({ ...json, tls: client });
        expect(await write(number)).toMatchObject({
          status: 'retry',
          error: expect.stringMatching(/self-signed|unable to verify/),
        });
        await sink!.close();
        vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `${nginx.url}/`);
        vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-other=1, x-key=a%2C%20secret');
        vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json');
        vi.stubEnv('OTEL_EXPORTER_OTLP_COMPRESSION', 'gzip');
        vi.stubEnv('OTEL_EXPORTER_OTLP_CERTIFICATE', ca);
        vi.stubEnv('OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE', client.cert);
        vi.stubEnv('OTEL_EXPORTER_OTLP_CLIENT_KEY', client.key);
        vi.stubEnv('OTEL_SERVICE_NAME', 'by variable');
        vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'rack=7%2C8,service.name=no');
        sink = (await opened(otlp, {})).sink;
        expect(await write(++number)).toEqual({ status: 'ok' });
        expect((await logsOf(number))[0]!.resource).toMatchObject({
          'service.name': 'Str(by variable)',
          rack: 'Str(7,8)',
        });
        expect((await sink.writeMetrics!(reading('env', TIME, { counter: 1 }), call())).status).toBe('ok');
        expect((await pointsOf('env', 9))[0]!.resource['service.name']).toBe('Str(by variable)');
      });

      it.each([
        ['return 503;', { status: 'retry', error: expect.stringContaining('503') }],
        ['add_header Retry-After 7 always; return 429;', { status: 'retry', after: 7000 }],
        [
          'location / { proxy_pass http://127.0.0.1:1; }',
          { status: 'retry', error: expect.stringContaining('502') },
        ],
        ['return 400;', { status: 'drop', error: expect.stringContaining('400') }],
        ['return 401;', { status: 'drop', error: expect.stringContaining('401') }],
        ['return 413;', { status: 'drop', error: expect.stringContaining('413') }],
        ['return 307 http://127.0.0.1:1/;', { status: 'drop', error: expect.stringContaining('307') }],
      ])('%s', async (server, expected) => {
        nginx = await Nginx.start(server);
        const { counted } = await open({ endpoint: nginx.url });
        expect(await sink!.write!(everyKind(++number), call())).toMatchObject(expected);
        const result = await sink!.writeMetrics!(reading('no', TIME, { counter: 1 }), call());
        expect(result).toMatchObject(expected);
        expect(counted.get('rejected_points_total') ?? 0).toBe(expected.status === 'drop' ? 9 : 0);
      });
    });

    it('OTEL_EXPORTER_OTLP_TIMEOUT ends an attempt that hangs', async () => {
      hanging = createServer(() => {}).listen(0, '127.0.0.1');
      await new Promise((done) => hanging!.once('listening', done));
      vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '300');
      const { port } = hanging.address() as { port: number };
      await open({ endpoint: `http://127.0.0.1:${port}` });
      expect(await sink!.write!(everyKind(++number), call())).toMatchObject({
        status: 'retry',
        error: expect.stringContaining('no answer within 300 ms'),
      });
    });
  },
);
