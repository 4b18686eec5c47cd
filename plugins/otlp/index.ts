import { defineSink, type Sink } from '../sdk/index.js';
import { OtlpClient } from './client.js';
import { logsJson } from './json.js';
import { logRecords } from './logs.js';
import { MetricExport } from './metric-export.js';
import { type OtlpOptions, options } from './options.js';
import { logsProtobuf } from './protobuf.js';
import { destination, metricForm, resourceAttributes } from './settings.js';
import { attributesOf } from './value.js';

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
  maxConcurrency: 64,
  batch: { maxEvents: 10_000, maxBytes: 1 << 20, maxWait: 1 },
  accepts: (chosen) => ({ events: chosen.logs ? ['rows', 'columns'] : false, metrics: chosen.metrics }),
  options,
  async open(chosen, context) {
    const attributes = resourceAttributes(chosen, context.labels, process.env);
    const resource = { attributes: attributesOf(attributes) };
    const logs = await OtlpClient.open(destination('logs', chosen, process.env), context.directory);
    const to = await OtlpClient.open(destination('metrics', chosen, process.env), context.directory);
    const metrics = new MetricExport(to, {
      attributes,
      scope: SCOPE,
      ...metricForm(chosen, process.env),
      telemetry: context.telemetry,
    });
    let closed = false;
    const sink: Sink = {
      async write(batch, { signal }) {
        if (closed) return { status: 'closed' };
        const request = { resource, scope: SCOPE, records: logRecords(batch) };
        return logs.send(logs.json ? Buffer.from(logsJson(request)) : logsProtobuf(request), signal);
      },
      async writeMetrics(batch, { signal }) {
        return closed ? { status: 'closed' } : metrics.write(batch, signal);
      },
      async close() {
        if (closed) return;
        closed = true;
        await metrics.close();
        logs.close();
      },
    };
    return sink;
  },
});
