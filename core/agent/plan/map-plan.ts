import type { ConfigPath, ExportKind, MapConfig } from '../../../config/index.js';
import type { Layout, MapSpec, ObjectSpec } from '../../bpf/index.js';
import { compilePlan, DecodeError, type DecodePlan, suggest } from '../../decode/index.js';
import { familyClash, MetricsError, type SeriesSource } from '../../metrics/index.js';
import { messageOf } from '../error.js';
import type { EventForms } from './event-forms.js';
import { groupOf } from './group.js';
import { LOST_MAP } from './lost-slots.js';
import { Faults, PlanError, type Problem } from './problem.js';
import { entryRecord, ringRecord, timestampOf } from './record.js';
import { seriesOf } from './series.js';

/** What becomes of one map: how it is decoded, and which series it makes. */
export interface MapPlan {
  readonly spec: MapSpec;
  readonly export: Exclude<ExportKind, 'none'>;
  readonly source: 'ring' | 'entry';
  readonly decode: DecodePlan;
  readonly series?: SeriesSource;
  /** ms between reads of a hash or array; with `onDemand` at the least. */
  readonly interval: number;
  /** It is read when its series are collected. */
  readonly onDemand: boolean;
}

export interface PlanContext extends EventForms {
  readonly probe: string;
  /** Keys of the probe in the config. */
  readonly path: ConfigPath;
  readonly maps: Readonly<Record<string, MapConfig>>;
  /** On everything that leaves the agent. */
  readonly labels: Readonly<Record<string, string>>;
  /** Layout of a `struct T` that the object knows, for rings that name no record type. */
  readonly layoutOf: (typeName: string) => Layout;
}

const DEFAULT_MAP: MapConfig = { maxSeries: 10_000 };
const DEFAULT_INTERVAL_MS = 1000;
const READABLE = new Set([
  'hash',
  'lru_hash',
  'percpu_hash',
  'lru_percpu_hash',
  'array',
  'percpu_array',
  'lpm_trie',
]);
const EXPORTS = {
  print: 'event',
  counter: 'counter',
  gauge: 'gauge',
  hist: 'histogram',
  none: 'none',
} as const;

/** Plan every map of an object that says, or for which the config says, what it is. */
export function planMaps(spec: ObjectSpec, context: PlanContext): { plans: MapPlan[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const plans: MapPlan[] = [];
  for (const name of Object.keys(context.maps)) {
    if (!spec.maps.some((map) => map.name === name)) {
      const there = spec.maps.filter((map) => !map.name.startsWith('.')).map((map) => map.name);
      problems.push({
        path: [...context.path, 'maps', name],
        message: `it has no map "${name}".${suggest(name, there)} There is: ${there.join(', ') || 'none'}`,
      });
    }
  }
  for (const map of spec.maps) {
    const config = context.maps[map.name];
    const kind = config?.export ?? EXPORTS[map.kind];
    if (kind === 'none' || map.name === LOST_MAP) continue;
    const faults = new Faults();
    const plan = faults.try(() => planMap(map, kind, config ?? DEFAULT_MAP, context, faults));
    if (plan && faults.errors.length === 0) plans.push(plan);
    for (const error of faults.errors)
      problems.push({
        path: [...context.path, 'maps', map.name, ...placeOf(error)],
        message: `map "${map.name}": ${messageOf(error)}`,
      });
  }
  problems.push(...clashes(plans, context.path));
  return { plans, problems };
}

/** What is at fault, below the map's entry in the config. */
function placeOf(error: unknown): ConfigPath {
  if (error instanceof PlanError) return error.at;
  if (error instanceof DecodeError) return error.column ? ['filter'] : [];
  if (error instanceof MetricsError) return error.code === 'LABEL_COLLISION' ? ['labels'] : ['metric'];
  return [];
}

/** Maps, and fields of one map, that would be one family and must not. */
function clashes(plans: readonly MapPlan[], path: ConfigPath): Problem[] {
  const problems: Problem[] = [];
  for (const [i, { series, spec }] of plans.entries()) {
    for (const other of plans.slice(0, i + 1)) {
      const message = series && other.series && familyClash(series, other.series);
      if (message !== undefined) problems.push({ path: [...path, 'maps', spec.name, 'metric'], message });
    }
  }
  return problems;
}

function requireExemplars({ type }: MapSpec, kind: MapPlan['export']): void {
  if (type === 'ringbuf' && (kind === 'counter' || kind === 'histogram')) return;
  throw new PlanError(
    `exemplars are records that a ring buffer's counter or histogram has counted, and this is ${kind === 'event' ? 'an' : 'a'} ${kind} of a ${type}. Remove it`,
    ['exemplar'],
  );
}

/** Throws where nothing more can be known; other faults are gathered, and make the plan worthless. */
function planMap(
  map: MapSpec,
  kind: MapPlan['export'],
  config: MapConfig,
  context: PlanContext,
  faults: Faults,
): MapPlan {
  const source = map.type === 'ringbuf' ? 'ring' : 'entry';
  if (config.exemplar) faults.try(() => requireExemplars(map, kind));
  if (source === 'entry' && !READABLE.has(map.type)) {
    throw new PlanError(
      `maps of type ${map.type} cannot be exported. There are: ringbuf, ${[...READABLE].join(', ')}`,
      ['export'],
    );
  }
  const record = source === 'ring' ? ringRecord(map, config, context) : entryRecord(map);
  const timestamp = faults.try(() => timestampOf(record, source, config));
  const hostLabels = Object.keys(context.labels);
  const group =
    kind === 'event' ? undefined : groupOf(kind, source, record, timestamp?.path, config, hostLabels, faults);
  const decode: DecodePlan = {
    probe: context.probe,
    map: map.name,
    record,
    source,
    labels: context.labels,
    ndjson: kind === 'event' && context.ndjson,
    columns: kind === 'event' ? context.columns : 'none',
    ...(config.filter === undefined ? {} : { filter: config.filter }),
    ...(timestamp ? { timestamp } : {}),
    ...(group ? { group: group.plan } : {}),
  };
  // The worker compiles it again: what it would refuse is known here, before the kernel is asked.
  faults.try(() => compilePlan(decode));
  const series =
    group && faults.errors.length === 0
      ? faults.try(() => seriesOf(map, group, source, config, context))
      : undefined;
  return {
    spec: map,
    export: kind,
    source,
    decode,
    interval: config.interval ?? DEFAULT_INTERVAL_MS,
    onDemand: config.interval === undefined && kind !== 'event',
    ...(series ? { series } : {}),
  };
}
