import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/registry.js';
import { builtService, Service } from './service.js';

/** Attributes by name, as the debug exporter writes values: `Int(7)`, `Str(sh)`. */
type Attributes = Readonly<Record<string, string>>;

export interface CollectedLog {
  readonly resource: Attributes;
  readonly attributes: Attributes;
  /** Timestamp, SeverityText, Body and so on. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface CollectedPoint {
  readonly resource: Attributes;
  /** Name, Unit, DataType, AggregationTemporality, IsMonotonic. */
  readonly metric: Attributes;
  readonly attributes: Attributes;
  /** StartTimestamp, Timestamp, Value, Count, Sum. */
  readonly fields: Readonly<Record<string, string>>;
  /** Explicit bounds, and counts by bucket (`#0`, or `(0.5, 1]`). */
  readonly bounds: readonly number[];
  readonly buckets: Readonly<Record<string, number>>;
  /** Timestamp, Value and the filtered attributes of each. */
  readonly exemplars: readonly Attributes[];
}

type Named = Record<string, string>;
type Open<T> = { -readonly [K in keyof T]: T[K] };

/** An OpenTelemetry Collector that shows all it receives. */
export class Collector {
  private constructor(
    readonly service: Service,
    readonly url: string,
  ) {}

  static get program(): string | undefined {
    return builtService('otelcol');
  }

  static async start(): Promise<Collector> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const service = await Service.start({
      program: Collector.program ?? 'otelcol',
      args: (folder) => {
        const file = join(folder, 'collector.yaml');
        writeFileSync(file, config(port));
        return ['--config', file];
      },
      ready: async () => {
        const headers = { 'content-type': 'application/json' };
        return (await fetch(`${url}/v1/logs`, { method: 'POST', headers, body: '{}' })).ok;
      },
    });
    return new Collector(service, url);
  }

  get logs(): CollectedLog[] {
    return parse(this.service.said).logs;
  }

  get points(): CollectedPoint[] {
    return parse(this.service.said).points;
  }
}

function config(port: number): string {
  return `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters: { debug: { verbosity: detailed, use_internal_logger: false } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    logs: { receivers: [otlp], exporters: [debug] }
    metrics: { receivers: [otlp], exporters: [debug] }
`;
}

/** What the debug exporter wrote, in order. */
function parse(text: string): { logs: CollectedLog[]; points: CollectedPoint[] } {
  const logs: CollectedLog[] = [];
  const points: CollectedPoint[] = [];
  let resource: Named = {};
  let metric: Named = {};
  let pairs: Named = resource;
  let fields: Named = {};
  let bounds: number[] = [];
  let buckets: Record<string, number> = {};
  let exemplars: Named[] = [];
  for (const line of text.split('\n')) {
    const pair = /^ +-> ([^:]+): (.*)$/.exec(line);
    if (pair) {
      pairs[pair[1]!] = pair[2]!;
      continue;
    }
    if (/^Resource(?:Log|Metrics) #/.test(line)) resource = pairs = {};
    else if (/^Metric #/.test(line)) metric = pairs = {};
    else if (/^Exemplar #/.test(line)) {
      pairs = {};
      exemplars.push(pairs);
    } else if (/^LogRecord #/.test(line)) {
      const log: Open<CollectedLog> = { resource, attributes: {}, fields: {} };
      logs.push(log);
      pairs = log.attributes as Named;
      fields = log.fields as Named;
    } else if (/^(?:Number|Histogram|ExponentialHistogram)DataPoints #/.test(line)) {
      fields = {};
      bounds = [];
      buckets = {};
      exemplars = [];
      const attributes = {};
      points.push({ resource, metric, attributes, fields, bounds, buckets, exemplars });
      pairs = attributes;
    } else {
      const bound = /^ExplicitBounds #\d+: (\S+)$/.exec(line);
      const bucket = /^(?:Buckets? )(#\d+|[[(].*[\])]), Count: (\d+)$/.exec(line);
      const field = /^([A-Z]\w+): (.*)$/.exec(line);
      if (bound) bounds.push(Number(bound[1]));
      else if (bucket) buckets[bucket[1]!] = Number(bucket[2]);
      else if (field) fields[field[1]!] = field[2]!;
    }
  }
  return { logs, points };
}
