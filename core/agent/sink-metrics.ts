import type { MetricFamily, SinkTelemetry } from '../../plugins/sdk/index.js';
import { renderLabels } from '../metrics/index.js';

/** Metrics that one sink may keep. */
const MAX_METRICS = 100;

interface Metric {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly values: Map<string, { readonly labels: readonly (readonly [string, string])[]; value: number }>;
}

/** Families of the agent itself that begin alike. */
const OWN = new Set([
  'up',
  'busy_seconds_total',
  'circuit',
  'received_total',
  'recovered_total',
  'filtered_total',
  'delivered_total',
  'lost_total',
  'queued',
]);
/** Endings that are a counter's or a histogram's. */
const NO_GAUGE = /_(?:total|bucket|sum|count|created)$/;

/** Metrics that sinks keep of themselves, as `bee_agent_sink_<name>{sink="…"}`. */
export class SinkMetrics {
  private readonly metrics = new Map<string, Metric>();

  of(sink: string, hostLabels: Readonly<Record<string, string>>): SinkTelemetry {
    const labels = Object.entries({ ...hostLabels, sink });
    const register = (type: 'counter' | 'gauge', name: string, help: string): { value: number } => {
      const full = `bee_agent_sink_${name}`;
      if (!/^[a-z][a-z0-9_]*$/.test(name))
        throw new Error(`telemetry: "${name}" is no snake_case metric name`);
      if (type === 'counter' ? !name.endsWith('_total') : NO_GAUGE.test(name))
        throw new Error(
          type === 'counter'
            ? `telemetry: the counter "${name}" must end in _total`
            : `telemetry: the gauge "${name}" ends like a counter or a part of a histogram`,
        );
      if (OWN.has(name)) throw new Error(`telemetry: ${full} is a metric of the agent itself`);
      const known = this.metrics.get(full);
      if (!known?.values.has(sink) && this.countOf(sink) >= MAX_METRICS)
        throw new Error(`telemetry: "${name}" is one too many: a sink may have ${MAX_METRICS} metrics`);
      const metric = known ?? { type, help, values: new Map() };
      if (metric.type !== type) throw new Error(`telemetry: "${name}" is a ${metric.type} already`);
      let entry = metric.values.get(sink);
      if (!entry) {
        entry = { labels, value: 0 };
        metric.values.set(sink, entry);
        this.metrics.set(full, metric);
      }
      return entry;
    };
    return {
      counter: (name, help) => {
        const entry = register('counter', name, help);
        return {
          add: (value) => {
            if (value >= 0) entry.value += value;
          },
        };
      },
      gauge: (name, help) => {
        const entry = register('gauge', name, help);
        return {
          set: (value) => {
            entry.value = value;
          },
        };
      },
    };
  }

  private countOf(sink: string): number {
    let count = 0;
    for (const { values } of this.metrics.values()) if (values.has(sink)) count++;
    return count;
  }

  families(): MetricFamily[] {
    return [...this.metrics].map(([name, metric]) => ({
      name,
      type: metric.type,
      help: metric.help,
      series: [...metric.values.values()].map(({ labels, value }) => ({
        labels,
        labelText: renderLabels(labels),
        value,
      })),
    }));
  }
}
