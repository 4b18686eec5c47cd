import type { MapConfig } from '../../../config/index.js';
import type { Layout } from '../../bpf/index.js';
import { type GroupPlan, type Leaf, scalarLeaves } from '../../decode/index.js';
import { labelNames } from '../../metrics/index.js';
import { exemplarPlan } from './exemplar.js';
import { PlanError } from './problem.js';
import { field, flatPath } from './record.js';
import { bucketLeaf, DEFAULT_BUCKETS, entryValues, exponentialOf, ringValues } from './values.js';

export interface Group {
  readonly plan: GroupPlan;
  readonly labelLeaves: readonly Leaf[];
  readonly valueLeaves: readonly Leaf[];
}

export function groupOf(
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
  const exemplar = config.exemplar?.map((name) => field(record, name, source, 'exemplar'));
  // What tells single records apart would make each a series.
  for (const leaf of exemplar ?? []) excluded.add(leaf.path.join('\0'));
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
      ...(exemplar ? { exemplar: exemplarPlan(exemplar) } : {}),
    },
  };
}
