import type { ConfigPath, ExportKind, MapConfig } from '../../config/index.js';
import type { Layout, MapSpec, ObjectSpec } from '../bpf/index.js';
import {
  compilePlan,
  DecodeError,
  type DecodePlan,
  entryLayout,
  findLeaf,
  firstTimestamp,
  type GroupPlan,
  type Leaf,
  noSuchField,
  scalarLeaves,
} from '../decode/index.js';
import {
  type ExponentialLayout,
  exponentialLayout,
  familyClash,
  labelNames,
  MetricsError,
  metricName,
  type SeriesSource,
} from '../metrics/index.js';
import { messageOf } from './error.js';
import { LOST_MAP } from './lost-counts.js';
import type { Problem } from './sinks.js';

/** What becomes of one map: how it is decoded, and which series it makes. */
export interface MapPlan {
  readonly spec: MapSpec;
  readonly export: Exclude<ExportKind, 'none'>;
  readonly source: 'ring' | 'entry';
  readonly decode: DecodePlan;
  readonly series?: SeriesSource;
  /** ms between reads of a hash or array. */
  readonly interval: number;
}

export interface PlanContext {
  readonly probe: string;
  /** Keys of the probe in the config. */
  readonly path: ConfigPath;
  readonly maps: Readonly<Record<string, MapConfig>>;
  /** On everything that leaves the agent. */
  readonly labels: Readonly<Record<string, string>>;
  /** Forms that this probe's sinks want of events. */
  readonly ndjson: boolean;
  readonly columns: boolean;
  /** Layout of a `struct T` that the object knows, for rings that name no record type. */
  readonly layoutOf: (typeName: string) => Layout;
}

/** BumbleBee's default upper bounds. */
const DEFAULT_BUCKETS = [0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const DEFAULT_MAP: MapConfig = { interval: 1000, maxSeries: 10_000 };
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
        message: `probe "${context.probe}" has no map "${name}". It has: ${there.join(', ') || 'none'}`,
      });
    }
  }
  for (const map of spec.maps) {
    const config = context.maps[map.name];
    const kind = config?.export ?? EXPORTS[map.kind];
    if (kind === 'none' || map.name === LOST_MAP) continue;
    try {
      plans.push(planMap(map, kind, config ?? DEFAULT_MAP, context));
    } catch (error) {
      const key = keyOf(error);
      problems.push({
        path: [...context.path, 'maps', map.name, ...(key ? [key] : [])],
        message: `probe "${context.probe}", map "${map.name}": ${messageOf(error)}`,
      });
    }
  }
  problems.push(...clashes(plans, context.path));
  return { plans, problems };
}

/** The key of a map's config that is at fault. */
function keyOf(error: unknown): string | undefined {
  if (error instanceof PlanError) return error.key;
  if (error instanceof DecodeError) return error.column ? 'filter' : undefined;
  if (error instanceof MetricsError) return error.code === 'LABEL_COLLISION' ? 'labels' : 'metric';
  return undefined;
}

/** Maps, and fields of one map, that would be one family and must not. */
function clashes(plans: readonly MapPlan[], path: ConfigPath): Problem[] {
  const problems: Problem[] = [];
  for (const [i, { series, spec }] of plans.entries()) {
    for (const other of plans.slice(0, i + 1)) {
      const message = series && other.series && familyClash(series, other.series);
      if (message !== undefined)
        problems.push({ path: [...path, 'maps', spec.name, 'metric'], message: `probe ${message}` });
    }
  }
  return problems;
}

/** A map that cannot be exported as asked; `key` of its config is at fault. */
class PlanError extends Error {
  constructor(
    message: string,
    readonly key?: string,
  ) {
    super(message);
  }
}

function planMap(
  map: MapSpec,
  kind: Exclude<ExportKind, 'none'>,
  config: MapConfig,
  context: PlanContext,
): MapPlan {
  const source = map.type === 'ringbuf' ? 'ring' : 'entry';
  if (source === 'entry' && !READABLE.has(map.type)) {
    throw new PlanError(
      `maps of type ${map.type} cannot be exported. There are: ringbuf, ${[...READABLE].join(', ')}`,
      'export',
    );
  }
  const record = source === 'ring' ? ringRecord(map, config, context) : entryRecord(map);
  const timestamp = timestampOf(record, source, config);
  const group =
    kind === 'event'
      ? undefined
      : groupOf(kind, source, record, timestamp?.path, config, Object.keys(context.labels));
  const decode: DecodePlan = {
    probe: context.probe,
    map: map.name,
    record,
    source,
    labels: context.labels,
    ndjson: kind === 'event' && context.ndjson,
    columns: kind === 'event' && context.columns,
    ...(config.filter === undefined ? {} : { filter: config.filter }),
    ...(timestamp ? { timestamp } : {}),
    ...(group ? { group: group.plan } : {}),
  };
  // The worker compiles it again: what it would refuse is known here, before the kernel is asked.
  compilePlan(decode);
  return {
    spec: map,
    export: kind,
    source,
    decode,
    interval: config.interval,
    ...(group ? { series: seriesOf(map, group, source, config, context) } : {}),
  };
}

function ringRecord(map: MapSpec, config: MapConfig, context: PlanContext): Layout {
  if (config.type !== undefined) {
    try {
      return context.layoutOf(config.type);
    } catch (error) {
      throw new PlanError(messageOf(error), 'type');
    }
  }
  if (map.value) return map.value;
  throw new PlanError(
    'this ring buffer does not say what its records are. Add __type(value, struct T) to its definition, or `type: struct T` to the config',
  );
}

function entryRecord(map: MapSpec): Layout {
  if (map.key && map.value) return entryLayout(map.key, map.value);
  throw new PlanError(
    'this map does not say what its keys and values are: define it with __type(key, …) and __type(value, …)',
  );
}

function timestampOf(record: Layout, source: 'ring' | 'entry', config: MapConfig): DecodePlan['timestamp'] {
  if (config.timestamp !== undefined) {
    const leaf = field(record, config.timestamp, source, 'timestamp');
    const format = leaf.node.kind === 'int' ? leaf.node.format : undefined;
    if (leaf.node.kind !== 'int' || leaf.node.size !== 8) {
      throw new PlanError(
        `field "${config.timestamp}" is no 64-bit integer, so it cannot be a time`,
        'timestamp',
      );
    }
    return { path: leaf.path, clock: format === 'boottime' ? 'boottime' : 'ktime' };
  }
  // An entry stands for a state, not for a moment.
  return source === 'ring' ? firstTimestamp(record) : undefined;
}

interface Group {
  readonly plan: GroupPlan;
  readonly labelLeaves: readonly Leaf[];
  readonly valueLeaves: readonly Leaf[];
}

function groupOf(
  kind: 'counter' | 'gauge' | 'histogram',
  source: 'ring' | 'entry',
  record: Layout,
  timestamp: readonly string[] | undefined,
  config: MapConfig,
  hostLabels: readonly string[],
): Group {
  const values = source === 'ring' ? ringValues(kind, record, config) : entryValues(kind, record, config);
  const bucket = source === 'entry' && kind === 'histogram' ? bucketLeaf(record) : undefined;
  if (config.scale === 'exponential' && (kind !== 'histogram' || source !== 'ring'))
    throw new PlanError(
      `exponential buckets are for histograms of ring buffers, and this is a ${kind} of ${source === 'ring' ? 'one' : 'a hash or array, whose buckets are its keys'}`,
      'scale',
    );
  const excluded = new Set([...values, ...(bucket ? [bucket] : [])].map((leaf) => leaf.path.join('\0')));
  if (timestamp) excluded.add(timestamp.join('\0'));
  const labels = config.labels
    ? config.labels.map((label) => field(record, label, source, 'labels'))
    : scalarLeaves(record, source === 'entry' ? 'key' : undefined).filter(
        (leaf) => !excluded.has(leaf.path.join('\0')),
      );
  const names = labelNames(
    labels.map((leaf) => flatPath(leaf.path, source)),
    hostLabels,
  );
  return {
    labelLeaves: labels,
    valueLeaves: values,
    plan: {
      kind,
      labels: labels.map((leaf, i) => ({ name: names[i]!, path: leaf.path })),
      values: values.map((leaf) => leaf.path),
      maxSeries: config.maxSeries,
      ...(source === 'ring' && config.expire !== undefined ? { expire: config.expire } : {}),
      ...(kind === 'histogram' && source === 'ring'
        ? { bounds: exponentialOf(config, values[0]!)?.bounds ?? config.buckets ?? DEFAULT_BUCKETS }
        : {}),
      ...(bucket ? { bucket: bucket.path } : {}),
    },
  };
}

/** The exponential buckets that `scale: exponential` asks for; undefined where it does not. */
function exponentialOf(config: MapConfig, { node, path }: Leaf): ExponentialLayout | undefined {
  if (config.scale !== 'exponential') return undefined;
  if (config.buckets)
    throw new PlanError(
      '`buckets` are bounds of your own, and exponential ones have theirs. Remove one',
      'scale',
    );
  if (node.kind !== 'int' || node.signed)
    throw new PlanError(
      `exponential buckets count unsigned integers, which field "${path.join('.')}" is not: give \`buckets\``,
      'scale',
    );
  return exponentialLayout(node.format === 'duration' ? 1e9 : 1);
}

function ringValues(kind: 'counter' | 'gauge' | 'histogram', record: Layout, config: MapConfig): Leaf[] {
  if (kind === 'counter' && config.value === undefined) return [];
  const name = config.value ?? (kind === 'gauge' ? 'value' : 'le');
  const leaf = findLeaf(record, name, 'ring');
  if (!leaf) {
    throw new PlanError(
      config.value === undefined
        ? `a ${kind} from a ring buffer takes its value from one field: say which with \`value:\`, for ${noSuchField(name, record, 'ring')}`
        : noSuchField(name, record, 'ring'),
      'value',
    );
  }
  return [numeric(leaf, name)];
}

function entryValues(kind: 'counter' | 'gauge' | 'histogram', record: Layout, config: MapConfig): Leaf[] {
  if (config.value !== undefined)
    return [numeric(field(record, config.value, 'entry', 'value'), config.value)];
  const leaves = scalarLeaves(record, 'value').filter(isNumeric);
  if (leaves.length === 0) throw new PlanError('its value has no numeric field', 'value');
  if (kind === 'histogram' && leaves.length > 1) {
    throw new PlanError(
      `its value has several numbers: say with \`value:\` which is the count. There is: ${leaves
        .slice(0, 20)
        .map((leaf) => leaf.path.join('.'))
        .join(', ')}${leaves.length > 20 ? ', …' : ''}`,
      'value',
    );
  }
  if (kind === 'histogram' && leaves[0]!.node.kind === 'float')
    throw new PlanError('its value is a count, which must be an integer', 'value');
  return leaves;
}

function bucketLeaf(record: Layout): Leaf {
  const last = scalarLeaves(record, 'key').at(-1);
  if (!last || !isNumeric(last) || last.node.kind === 'float')
    throw new PlanError("a histogram's bucket is the last field of its key, which must be an integer");
  return last;
}

function field(record: Layout, name: string, source: 'ring' | 'entry', key: string): Leaf {
  const leaf = findLeaf(record, name, source);
  if (!leaf) throw new PlanError(noSuchField(name, record, source), key);
  return leaf;
}

function isNumeric({ node }: Leaf): boolean {
  return node.kind === 'int' || node.kind === 'float' || node.kind === 'bool';
}

function numeric(leaf: Leaf, name: string): Leaf {
  if (isNumeric(leaf)) return leaf;
  throw new PlanError(`field "${name}" is a ${leaf.node.kind}, not a number`, 'value');
}

/** Names of a label's path: a key's fields stand for themselves. */
function flatPath(path: readonly string[], source: 'ring' | 'entry'): readonly string[] {
  return source === 'entry' && path.length > 1 ? path.slice(1) : path;
}

function seriesOf(
  map: MapSpec,
  group: Group,
  source: 'ring' | 'entry',
  config: MapConfig,
  context: PlanContext,
): SeriesSource {
  const { plan } = group;
  // A struct's or an array's number is named for its field, one that `value:` chose is not: the map stands for it.
  const byField = source === 'entry' && config.value === undefined && !plan.bucket;
  const valueLeaves: readonly (Leaf | undefined)[] =
    group.valueLeaves.length > 0 ? group.valueLeaves : [undefined];
  const exponential = plan.bounds ? exponentialOf(config, group.valueLeaves[0]!) : undefined;
  return {
    probe: context.probe,
    map: map.name,
    kind: plan.kind,
    source,
    families: valueLeaves.map((leaf) => {
      // The number that is shown: a histogram of a hash shows its bucket's bound, not the count.
      const shown = plan.bucket ? bucketLeaf(entryRecord(map)) : leaf;
      const duration = shown?.node.kind === 'int' && shown.node.format === 'duration';
      const own = byField && leaf!.path.length > 1 ? flatPath(leaf!.path, source).join('_') : undefined;
      return metricName({
        map: map.name,
        kind: plan.kind,
        duration,
        ...(own === undefined ? {} : { field: own }),
        ...(config.metric === undefined ? {} : { rename: config.metric }),
        ...(config.help === undefined ? {} : { help: config.help }),
      });
    }),
    labelNames: plan.labels.map((label) => label.name),
    fieldNames: group.labelLeaves.map((leaf) => flatPath(leaf.path, source).join('_')),
    hostLabels: { probe: context.probe, ...context.labels },
    ...(plan.bounds ? { bounds: plan.bounds } : {}),
    ...(exponential ? { exponential } : {}),
    ...(config.scale && config.scale !== 'exponential' ? { scale: config.scale } : {}),
    ...(config.expire === undefined ? {} : { expire: config.expire }),
  };
}
