import type { MetricBatch, Series, Sink, SinkDefinition, WriteResult } from '../../../plugins/sdk/index.js';
import { parseExact } from './exact-json.js';
import { fieldText } from './field-text.js';
import { FilterCheck } from './filter-check.js';
import type { ShownFilter, ShownFilters } from './map-flags.js';

const SECOND = 1;
const NEWLINE = 10;
/** Series whose last line is remembered, at most. */
const MAX_SERIES = 100_000;

/** Writes text; resolves once there is room for more, to whether anybody still reads. */
export type WriteText = (text: string | Uint8Array) => Promise<boolean>;

/** Everything as JSON lines: events as the agent's stdout sink has them, and series when they are new or changed. */
export function linesSink(filters: ShownFilters, write: WriteText): SinkDefinition<unknown> {
  return {
    apiVersion: 1,
    type: 'bee-run-view',
    accepts: { events: ['ndjson'], metrics: true },
    options: { '~standard': { version: 1, vendor: 'bee', validate: (value) => ({ value }) } },
    interval: SECOND,
    open: (_options, { log }) => new Lines(filters, write, new FilterCheck(filters, log)),
  };
}

class Lines implements Sink {
  private readonly shown = new Map<string, string>();

  constructor(
    private readonly filters: ShownFilters,
    private readonly writeText: WriteText,
    private readonly check: FilterCheck,
  ) {}

  async write(batch: { readonly map: string; readonly ndjson: Uint8Array }): Promise<WriteResult> {
    const filters = this.filters.get(batch.map);
    this.check.look(batch.map, () => JSON.parse(firstLine(batch.ndjson)).data);
    const text = filters ? matching(batch.ndjson, filters) : batch.ndjson;
    return text.length === 0 || (await this.writeText(text)) ? { status: 'ok' } : { status: 'closed' };
  }

  async writeMetrics(batch: MetricBatch): Promise<WriteResult> {
    let text = '';
    for (const { name, type, origin, series } of batch.families) {
      if (!origin) continue;
      const filters = this.filters.get(origin.map) ?? [];
      for (const one of series) {
        const state = stateOf(one);
        const key = `${name}{${one.labelText}}`;
        if (this.shown.get(key) === state) continue;
        if (this.shown.size >= MAX_SERIES) this.shown.clear();
        this.shown.set(key, state);
        const labels = Object.fromEntries(one.labels);
        this.check.look(origin.map, () => labels);
        if (!filters.every(({ field, pattern }) => pattern.test(labels[field] ?? ''))) continue;
        text += `{"timestamp":${JSON.stringify(isoTime(batch.time))},"metric":${JSON.stringify(name)},"type":"${type}","labels":${JSON.stringify(labels)},${state}}\n`;
      }
    }
    return text === '' || (await this.writeText(text)) ? { status: 'ok' } : { status: 'closed' };
  }

  close(): void {}
}

/** Its value as members of a JSON object. */
function stateOf({ value, histogram }: Series): string {
  if (!histogram) return `"value":${numberText(value ?? 0)}`;
  let below = 0;
  const buckets = histogram.counts.map((count, i) => {
    below += count;
    return `${JSON.stringify(histogram.bounds[i] === undefined ? '+Inf' : String(histogram.bounds[i]))}:${below}`;
  });
  const sum = histogram.sum === undefined ? '' : `,"sum":${numberText(histogram.sum)}`;
  return `"count":${histogram.count}${sum},"buckets":{${buckets.join(',')}}`;
}

/** JSON has no NaN and no infinity. */
const numberText = (value: number | bigint): string =>
  typeof value === 'bigint' || Number.isFinite(value) ? String(value) : 'null';

function firstLine(ndjson: Uint8Array): string {
  return Buffer.from(ndjson.subarray(0, ndjson.indexOf(NEWLINE))).toString();
}

function matching(ndjson: Uint8Array, filters: readonly ShownFilter[]): string {
  const isShown = (line: string): boolean => {
    const { data } = parseExact(line) as { readonly data: unknown };
    return filters.every(({ field, pattern }) => pattern.test(fieldText(data, field)));
  };
  return Buffer.from(ndjson)
    .toString()
    .split('\n')
    .filter((line) => line !== '' && isShown(line))
    .map((line) => `${line}\n`)
    .join('');
}

const isoTime = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();
