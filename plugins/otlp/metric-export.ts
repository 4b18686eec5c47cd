import { OTLPMetricExporterBase } from '@opentelemetry/exporter-metrics-otlp-http';
import type { IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import {
  BatchParts,
  type MetricBatch,
  metricProducer,
  type PartResult,
  type SinkTelemetry,
  type WriteResult,
} from '../sdk/index.js';
import type { OtlpClient } from './client.js';
import { DeltaProducer } from './delta.js';
import { metricsJson } from './json.js';
import { metricsProtobuf } from './protobuf.js';
import type { MetricForm } from './settings.js';

interface Settings extends MetricForm {
  readonly attributes: Readonly<Record<string, string>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly telemetry: SinkTelemetry;
}

/**
 * Metrics through the OpenTelemetry SDK: a reader collects from our producer, and the OTLP exporter exports. When to
 * read is the pipeline's to say, and so is when to repeat; what the exporter hands on to, its delegate, is therefore
 * ours: the SDK's own has a queue and a retry timer beside the pipeline's, takes a partial success for a whole one,
 * and its serialisers round 64-bit integers.
 */
export class MetricExport {
  private batch: MetricBatch | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private readonly reader: MetricReader;
  private readonly provider: MeterProvider;
  private readonly exporter: OTLPMetricExporterBase;
  private readonly delegate: PipelineDelegate;
  private readonly parts = new BatchParts();
  private readonly delta: DeltaProducer | undefined;
  private readonly accepted: { add(value: number): void };
  private readonly rejected: { add(value: number): void };

  constructor(client: OtlpClient, { attributes, scope, temporality, exponential, telemetry }: Settings) {
    const cumulative = metricProducer(() => this.batch ?? { kind: 'metrics', time: 0n, families: [] }, {
      scope,
      exponential,
    });
    this.delta = temporality === 'delta' ? new DeltaProducer(cumulative) : undefined;
    this.delegate = new PipelineDelegate(client);
    this.exporter = new OTLPMetricExporterBase(this.delegate, {
      temporalityPreference:
        temporality === 'delta' ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
    });
    this.reader = new DemandReader(this.delta ?? cumulative, this.exporter);
    this.provider = new MeterProvider({
      resource: resourceFromAttributes(attributes),
      readers: [this.reader],
    });
    this.accepted = telemetry.counter('points_total', 'Metric points that the collector took.');
    this.rejected = telemetry.counter(
      'rejected_points_total',
      'Metric points that the collector refused for good, whole or in part.',
    );
  }

  /** One read and one attempt; one after the other, whatever the host's concurrency: a difference is to the last. */
  write(batch: MetricBatch, signal: AbortSignal): Promise<WriteResult> {
    const result = this.turn.then(() => this.attempt(batch, signal));
    this.turn = result.catch(() => {});
    return result;
  }

  private async attempt(batch: MetricBatch, signal: AbortSignal): Promise<WriteResult> {
    this.batch = batch;
    const { resourceMetrics } = await this.reader.collect();
    this.batch = undefined;
    const points = countPoints(resourceMetrics);
    if (points === 0) return { status: 'ok' };
    const send = async (from: number, to: number): Promise<PartResult> => {
      const part = from === 0 && to === points ? resourceMetrics : cut(resourceMetrics, from, to);
      const answer = await this.delegate.attempt(this.exporter, part, signal);
      if (answer.status === 'ok' && part !== resourceMetrics) this.delta?.partTaken(part);
      return answer;
    };
    // Part by part: a newer state may take the place of one that never ends.
    const result = await this.parts.write(batch, points, send, (count, rejected) => {
      this.accepted.add(count - rejected);
      this.rejected.add(rejected);
    });
    // What was refused as a whole goes with the next difference.
    if (result.status === 'ok') this.delta?.taken();
    return result;
  }

  close(): Promise<void> {
    return this.provider.shutdown();
  }
}

/** Reads when it is asked to, and at no other time. */
class DemandReader extends MetricReader {
  constructor(
    producer: MetricProducer,
    private readonly exporter: OTLPMetricExporterBase,
  ) {
    super({
      metricProducers: [producer],
      aggregationTemporalitySelector: (type) => exporter.selectAggregationTemporality(type),
    });
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override onShutdown(): Promise<void> {
    return this.exporter.shutdown();
  }
}

/** Serialises exactly, and sends once: what came of it is told to the SDK's exporter, and in full to the pipeline. */
class PipelineDelegate implements IOtlpExportDelegate<ResourceMetrics> {
  private signal = new AbortController().signal;
  private result: PartResult = { status: 'ok' };

  constructor(private readonly client: OtlpClient) {}

  /** `exporter` is the one that has this delegate. */
  async attempt(
    exporter: OTLPMetricExporterBase,
    metrics: ResourceMetrics,
    signal: AbortSignal,
  ): Promise<PartResult> {
    this.signal = signal;
    await new Promise<void>((done) => exporter.export(metrics, () => done()));
    return this.result;
  }

  export(
    metrics: ResourceMetrics,
    done: Parameters<IOtlpExportDelegate<ResourceMetrics>['export']>[1],
  ): void {
    void this.send(metrics).then((result) => {
      this.result = result;
      const error = 'error' in result && result.error !== undefined ? { error: new Error(result.error) } : {};
      done(result.status === 'ok' ? { code: SUCCESS } : { code: FAILED, ...error });
    });
  }

  /** Never throws. */
  private async send(metrics: ResourceMetrics): Promise<PartResult> {
    const { client, signal } = this;
    try {
      const body = client.json ? Buffer.from(await metricsJson(metrics)) : await metricsProtobuf(metrics);
      return await client.send(body, signal);
    } catch (error) {
      return { status: 'drop', error: `the points cannot be encoded: ${String(error)}` };
    }
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {
    this.client.close();
  }

  /** The exporter's metrics of itself: the pipeline counts. */
  setMetrics(): void {}
}

/** `ExportResultCode` of the SDK's core. */
const SUCCESS = 0;
const FAILED = 1;

function countPoints({ scopeMetrics }: ResourceMetrics): number {
  let count = 0;
  for (const { metrics } of scopeMetrics) for (const { dataPoints } of metrics) count += dataPoints.length;
  return count;
}

/** The points from one index up to another, all metrics counted together. */
function cut({ resource, scopeMetrics }: ResourceMetrics, from: number, to: number): ResourceMetrics {
  let first = 0;
  const part = (metric: MetricData): MetricData[] => {
    const { dataPoints } = metric;
    const [start, end] = [Math.max(0, from - first), Math.min(dataPoints.length, to - first)];
    first += dataPoints.length;
    return start < end ? [{ ...metric, dataPoints: dataPoints.slice(start, end) } as MetricData] : [];
  };
  return {
    resource,
    scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({ scope, metrics: metrics.flatMap(part) })),
  };
}
