import { BatchParts, defineSink, type Sink } from '../sdk/index.js';
import { Answers } from './answer.js';
import { OtlpClient } from './client.js';
import { logsJson } from './json.js';
import { logsProtobuf } from './log-protobuf.js';
import { logsOf } from './logs.js';
import { MetricExport } from './metric-export.js';
import { type OtlpOptions, options } from './options.js';
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
  accepts: (chosen) => ({ events: chosen.logs ? ['columns'] : false, metrics: chosen.metrics }),
  options,
  async open(chosen, context) {
    const attributes = resourceAttributes(chosen, context.labels, process.env);
    const resource = { attributes: attributesOf(attributes) };
    const answers = new Answers(context);
    const { directory } = context;
    const logs = await OtlpClient.open(destination('logs', chosen, process.env), directory, answers);
    const to = await OtlpClient.open(destination('metrics', chosen, process.env), directory, answers);
    const metrics = new MetricExport(to, {
      attributes,
      scope: SCOPE,
      ...metricForm(chosen, process.env),
      telemetry: context.telemetry,
    });
    const origin = { resource, scope: SCOPE };
    const parts = new BatchParts();
    let closed = false;
    const sink: Sink = {
      async write(batch, { signal }) {
        if (closed) return { status: 'closed' };
        const all = logsOf(batch);
        return parts.write(batch.data, batch.count, async (from, to) => {
          const body = logs.json
            ? Buffer.from(await logsJson(origin, all, from, to))
            : await logsProtobuf(origin, all, from, to);
          return logs.send(body, signal);
        });
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
