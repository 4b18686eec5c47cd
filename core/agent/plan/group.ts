import type { MapConfig } from '../../../config/index.js';
import type { Layout } from '../../bpf/index.js';
import { type GroupPlan, type Leaf, scalarLeaves } from '../../decode/index.js';
import { labelNames } from '../../metrics/index.js';
import { exemplarPlan } from './exemplar.js';
import { type Faults, PlanError } from './problem.js';
import { field, flatPath } from './record.js';
import { bucketLeaf, DEFAULT_BUCKETS, entryValues, exponentialOf, ringValues } from './values.js';

export interface Group {
  readonly plan: GroupPlan;
  readonly labelLeaves: readonly Leaf[];
  readonly valueLeaves: readonly Leaf[];
}

/** Undefined where there is a fault that leaves none. */
export function groupOf(
  kind: 'counter' | 'gauge' | 'histogram',
  source: 'ring' | 'entry',
  record: Layout,
  timestamp: readonly string[] | undefined,
  config: MapConfig,
  hostLabels: readonly string[],
  faults: Faults,
): Group | undefined {
  const values = faults.try(() =>
    source === 'ring' ? ringValues(kind, record, config) : entryValues(kind, record, config),
  );
  const isBucketHash = source === 'entry' && kind === 'histogram';
  const bucket = isBucketHash ? faults.try(() => bucketLeaf(record)) : undefined;
  faults.try(() => requireFittingScale(kind, source, config));
  const exemplar = chosenLeaves(record, source, config.exemplar, 'exemplar', faults);
  // What tells single records apart would make each a series.
  const elsewhere = [...(values ?? []), ...(bucket ? [bucket] : []), ...(exemplar ?? [])];
  const labels =
    config.labels === undefined
      ? values && faults.try(() => otherLeaves(record, source, elsewhere, timestamp))
      : chosenLeaves(record, source, config.labels, 'labels', faults);
  const names =
    labels &&
    faults.try(() =>
      labelNames(
        labels.map((leaf) => flatPath(leaf.path, source)),
        hostLabels,
      ),
    );
  if (!values || !labels || !names || faults.errors.length > 0) return undefined;
  const exemplars = exemplar && faults.try(() => exemplarPlan(exemplar));
  const bounds =
    kind === 'histogram' && source === 'ring' ? faults.try(() => boundsOf(config, values[0]!)) : undefined;
  return {
    labelLeaves: labels,
    valueLeaves: values,
    plan: {
      kind,
      labels: labels.map((leaf, i) => ({ name: names[i]!, path: leaf.path })),
      values: values.map((leaf) => leaf.path),
      maxSeries: config.maxSeries,
      ...(source === 'ring' && config.expire !== undefined ? { expire: config.expire } : {}),
      ...(bounds ? { bounds } : {}),
      ...(bucket ? { bucket: bucket.path } : {}),
      ...(exemplars ? { exemplar: exemplars } : {}),
    },
  };
}

function boundsOf(config: MapConfig, value: Leaf): readonly number[] {
  return exponentialOf(config, value)?.bounds ?? config.buckets ?? DEFAULT_BUCKETS;
}

function requireFittingScale(kind: string, source: 'ring' | 'entry', config: MapConfig): void {
  if (config.scale !== 'exponential' || (kind === 'histogram' && source === 'ring')) return;
  throw new PlanError(
    `exponential buckets are for histograms of ring buffers, and this is a ${kind} of ${source === 'ring' ? 'one' : 'a hash or array, whose buckets are its keys'}`,
    ['scale'],
  );
}

/** Undefined where nothing is chosen, or what is not there. */
function chosenLeaves(
  record: Layout,
  source: 'ring' | 'entry',
  names: readonly string[] | undefined,
  key: 'labels' | 'exemplar',
  faults: Faults,
): Leaf[] | undefined {
  const leaves = names?.map((name, i) => faults.try(() => field(record, name, source, [key, i])));
  return leaves?.every((leaf) => leaf !== undefined) ? leaves : undefined;
}

/** Every field that is no value and no time; of an entry, its key's. */
function otherLeaves(
  record: Layout,
  source: 'ring' | 'entry',
  values: readonly Leaf[],
  timestamp: readonly string[] | undefined,
): Leaf[] {
  const excluded = new Set(values.map((leaf) => leaf.path.join('\0')));
  if (timestamp) excluded.add(timestamp.join('\0'));
  return scalarLeaves(record, source === 'entry' ? 'key' : undefined).filter(
    (leaf) => !excluded.has(leaf.path.join('\0')),
  );
}
