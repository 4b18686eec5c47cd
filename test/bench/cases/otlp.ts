import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ValueType } from '@opentelemetry/api';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import otlp from '../../../plugins/otlp/index.js';
import type { MetricBatch, SinkContext } from '../../../plugins/sdk/index.js';
import type { BenchCase } from '../case.js';

const POINTS = 100_000;
const WARM_UP = 3;
/** What else a thread has to do waits as long. */
const HOLD = 'longest hold of the thread, ms';
const START = 1_700_000_000;

const zipped = promisify(gzip);

const labelsOf = (i: number): readonly (readonly [string, string])[] => [
  ['probe', 'keys'],
  ['pid', String(i)],
  ['uid', String(i % 7)],
  ['comm', 'bench-worker'],
];

function ourBatch(): MetricBatch {
  const series = Array.from({ length: POINTS }, (_, i) => ({
    labels: labelsOf(i),
    labelText: `pid="${i}"`,
    value: i + 1,
    start: BigInt(START) * 1_000_000_000n,
  }));
  return {
    kind: 'metrics',
    time: BigInt(START + 60) * 1_000_000_000n,
    families: [{ name: 'keys_total', type: 'counter', help: 'x', series }],
  };
}

function theirBatch(): ResourceMetrics {
  return {
    resource: resourceFromAttributes({ 'service.name': 'bee-agent' }),
    scopeMetrics: [
      {
        scope: { name: 'bee-agent', version: '1' },
        metrics: [
          {
            descriptor: { name: 'keys_total', description: 'x', unit: '', valueType: ValueType.INT },
            aggregationTemporality: AggregationTemporality.CUMULATIVE,
            dataPointType: DataPointType.SUM,
            isMonotonic: true,
            dataPoints: Array.from({ length: POINTS }, (_, i) => ({
              startTime: [START, 0],
              endTime: [START + 60, 0],
              attributes: Object.fromEntries(labelsOf(i)),
              value: i + 1,
            })),
          },
        ],
      },
    ],
  };
}

export const otlpMetrics: BenchCase = {
  name: 'otlp',
  what: `${POINTS.toLocaleString('en')} points encoded as OTLP, zipped and sent`,
  unit: 's',
  better: 'lower',
  target: { ratio: 1, text: 'no slower than the bare transformer' },
  async prepare() {
    let received = 0;
    const server = createServer((incoming, response) => {
      incoming.on('data', (chunk: Buffer) => {
        received += chunk.byteLength;
      });
      incoming.on('end', () => response.writeHead(200).end());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`);
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const telemetry = { counter: () => ({ add() {} }) };
    const checked = await otlp.options['~standard'].validate({ endpoint: url.origin });
    if (checked.issues) throw new Error('the options have changed');
    const sink = await otlp.open(checked.value, { directory: '/', log, telemetry } as unknown as SinkContext);
    const [own, their] = [ourBatch(), theirBatch()];
    const timed = async (send: () => Promise<void>): Promise<number> => {
      received = 0;
      const begun = performance.now();
      await send();
      return (performance.now() - begun) / 1000;
    };
    const ours = () =>
      timed(async () => {
        const result = await sink.writeMetrics!(own, { signal: new AbortController().signal });
        if (result.status !== 'ok') throw new Error(`the sink answered ${result.status}`);
      });
    const theirs = () =>
      timed(async () => {
        const body = await zipped(ProtobufMetricsSerializer.serializeRequest(their)!, { level: 1 });
        const call = request(url, { method: 'POST', headers: { 'content-encoding': 'gzip' } }).end(body);
        const [response] = await once(call, 'response');
        response.resume();
        await once(response, 'end');
      });
    for (let i = 0; i < WARM_UP; i++) {
      await ours();
      await theirs();
    }
    return {
      ours: async () => {
        const delay = monitorEventLoopDelay({ resolution: 1 });
        delay.enable();
        const value = await ours();
        delay.disable();
        return { value, also: { 'MB on the wire': received / 1e6, [HOLD]: delay.max / 1e6 } };
      },
      reference: {
        what: '@opentelemetry/otlp-transformer, the same gzip and HTTP',
        measure: async () => ({ value: await theirs() }),
      },
      end: async () => {
        await sink.close();
        server.closeAllConnections();
        server.close();
      },
    };
  },
};
