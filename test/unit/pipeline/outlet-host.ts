import {
  createOutlet,
  type DeliveryCounts,
  type Outlet,
  type OutletOptions,
} from '../../../core/pipeline/index.js';
import type {
  EventBatchData,
  MetricBatch,
  Sink,
  SinkContext,
  SinkDefinition,
} from '../../../plugins/sdk/index.js';

export const anyOptions: SinkDefinition<unknown>['options'] = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
};

export const emptyMetrics = (time = 0n): MetricBatch => ({ kind: 'metrics', time, families: [] });

/** What an outlet said and counted of itself. */
export class Host {
  readonly lines: string[] = [];
  readonly counters = new Map<string, number>();
  context: SinkContext | undefined;
  collect: () => Promise<MetricBatch> = async () => emptyMetrics();

  outlet(sink: Partial<Sink> | (() => Sink | Promise<Sink>), more: Partial<Settings> = {}): Outlet {
    const { definition, ...options } = more;
    const log = (level: string) => (message: string) => void this.lines.push(`${level}: ${message}`);
    return createOutlet({
      name: 'mine',
      definition: {
        apiVersion: 1,
        type: 'test',
        accepts: { events: ['ndjson'], metrics: false },
        options: anyOptions,
        open: (_options, context) => {
          this.context = context;
          return typeof sink === 'function' ? sink() : { close() {}, ...sink };
        },
        ...definition,
      },
      options: {},
      maxBatches: 1000,
      maxBytes: 2 ** 20,
      timeout: 1_000,
      maxElapsed: 60_000,
      interval: 15_000,
      context: {
        directory: '/',
        labels: {},
        log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
        telemetry: {
          counter: (name) => {
            const add = (value: number) =>
              void this.counters.set(name, (this.counters.get(name) ?? 0) + value);
            add(0);
            return { add };
          },
          gauge: () => ({ set() {} }),
        },
        collect: () => this.collect(),
      },
      ...options,
    });
  }
}

type Settings = Omit<OutletOptions, 'definition'> & { definition: Partial<SinkDefinition<unknown>> };

let id = 0;

/** A batch of `count` events, each the batch's number. */
export function batchOf(count = 1, more: Partial<EventBatchData> = {}): EventBatchData {
  const line = Buffer.from(`${id++}\n`);
  const ndjson = new Uint8Array(Buffer.concat(Array.from({ length: count }, () => line)));
  const lineEnds = Uint32Array.from({ length: count }, (_, i) => (i + 1) * line.length);
  return { probe: 'p', map: 'm', labels: {}, count, ndjson, lineEnds, ...more };
}

/** The number of a batch. */
export function numberOf(batch: { readonly ndjson: Uint8Array }): number {
  return Number.parseInt(Buffer.from(batch.ndjson).toString(), 10);
}

/** Counts over all probes and maps; throws when the sum does not hold for one of them. */
export function totals(outlet: Outlet): Omit<DeliveryCounts, 'recovered'> & { recovered?: number } {
  const all: DeliveryCounts = { received: 0, recovered: 0, delivered: 0, queued: 0, lost: {} };
  for (const { probe, map, counts } of outlet.counts()) {
    const lost = Object.values(counts.lost).reduce((sum, n) => sum + n, 0);
    const parts = [counts.received, counts.delivered, counts.queued, ...Object.values(counts.lost)];
    if (
      counts.received !== counts.delivered + lost + counts.queued ||
      !parts.every((n) => Number.isSafeInteger(n) && n >= 0)
    ) {
      throw new Error(`the sum of ${probe}/${map} does not hold: ${JSON.stringify(counts)}`);
    }
    all.received += counts.received;
    all.recovered += counts.recovered;
    all.delivered += counts.delivered;
    all.queued += counts.queued;
    for (const [reason, n] of Object.entries(counts.lost) as [keyof DeliveryCounts['lost'], number][])
      all.lost[reason] = (all.lost[reason] ?? 0) + n;
  }
  const { recovered, ...counts } = all;
  return recovered > 0 ? { ...counts, recovered } : counts;
}
