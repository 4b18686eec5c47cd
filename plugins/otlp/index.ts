import { defineSink, type MetricBatch, type Sink } from '../sdk/index.js';
import { OtlpClient } from './client.js';
import { logsJson, metricsJson } from './json.js';
import { logRecords } from './logs.js';
import { MetricPoints } from './metrics.js';
import { type OtlpOptions, options } from './options.js';
import { logsProtobuf, metricsProtobuf } from './protobuf.js';
import { destination, resourceAttributes } from './settings.js';
import type { KeyValue } from './value.js';

export type { OtlpOptions };

/** Instrumentation scope of everything sent. */
const SCOPE = { name: 'bee-agent', version: '1' };
/** Seconds, as the OpenTelemetry SDKs have it. */
const INTERVAL_S = 60;

/** Metrics and events to an OpenTelemetry Collector, or whatever takes OTLP over HTTP. */
export default defineSink<OtlpOptions>({
  apiVersion: 1,
  type: 'otlp',
  interval: INTERVAL_S,
  accepts: (chosen) => ({ events: chosen.logs ? ['rows', 'columns'] : false, metrics: chosen.metrics }),
  options,
  async open(chosen, context) {
    const attributes = Object.entries(resourceAttributes(chosen, process.env)).map(
      ([name, value]): KeyValue => [name, { kind: 'string', value }],
    );
    const resource = { attributes };
    const metrics = await OtlpClient.open(destination('metrics', chosen, process.env), context.directory);
    const logs = await OtlpClient.open(destination('logs', chosen, process.env), context.directory);
    const points = new MetricPoints(chosen.temporality);
    let closed = false;
    const sink: Sink = {
      async write(batch, { signal }) {
        if (closed) return { status: 'closed' };
        const request = { resource, scope: SCOPE, records: logRecords(batch) };
        return logs.send(logs.json ? Buffer.from(logsJson(request)) : logsProtobuf(request), signal);
      },
      async writeMetrics(batch: MetricBatch, { signal }) {
        if (closed) return { status: 'closed' };
        const request = { resource, scope: SCOPE, metrics: points.of(batch) };
        if (request.metrics.length === 0) return { status: 'ok' };
        const body = metrics.json ? Buffer.from(metricsJson(request)) : metricsProtobuf(request);
        const result = await metrics.send(body, signal);
        // What was refused as a whole goes with the next difference.
        if (result.status === 'ok') points.taken();
        return result;
      },
      close() {
        closed = true;
        metrics.close();
        logs.close();
      },
    };
    return sink;
  },
});
