import type { MapConfig } from '../../../config/index.js';
import type { Layout } from '../../bpf/index.js';
import { findLeaf, type Leaf, noSuchField, scalarLeaves } from '../../decode/index.js';
import { type ExponentialLayout, exponentialLayout } from '../../metrics/index.js';
import { PlanError } from './problem.js';
import { field, isNumeric, numeric } from './record.js';

/** BumbleBee's default upper bounds. */
export const DEFAULT_BUCKETS = [0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

export function ringValues(
  kind: 'counter' | 'gauge' | 'histogram',
  record: Layout,
  config: MapConfig,
): Leaf[] {
  if (kind === 'counter' && config.value === undefined) return [];
  const name = config.value ?? (kind === 'gauge' ? 'value' : 'le');
  const leaf = findLeaf(record, name, 'ring');
  if (!leaf) {
    throw new PlanError(
      config.value === undefined
        ? `a ${kind} from a ring buffer takes its value from one field: say which with \`value:\`, for ${noSuchField(name, record, 'ring')}`
        : noSuchField(name, record, 'ring'),
      ['value'],
    );
  }
  return [numeric(leaf, name)];
}

export function entryValues(
  kind: 'counter' | 'gauge' | 'histogram',
  record: Layout,
  config: MapConfig,
): Leaf[] {
  const leaves =
    config.value === undefined
      ? scalarLeaves(record, 'value').filter(isNumeric)
      : [numeric(field(record, config.value, 'entry', ['value']), config.value)];
  if (leaves.length === 0) throw new PlanError('its value has no numeric field', ['value']);
  if (kind === 'histogram' && leaves.length > 1) {
    throw new PlanError(
      `its value has several numbers: say with \`value:\` which is the count. There is: ${leaves
        .slice(0, 20)
        .map((leaf) => leaf.path.join('.'))
        .join(', ')}${leaves.length > 20 ? ', …' : ''}`,
      ['value'],
    );
  }
  if (kind === 'histogram' && leaves[0]!.node.kind === 'float')
    throw new PlanError(
      `"${leaves[0]!.path.join('.')}" is a float, and what a histogram of a hash or array holds are counts: integers`,
      ['value'],
    );
  return leaves;
}

export function bucketLeaf(record: Layout): Leaf {
  const last = scalarLeaves(record, 'key').at(-1);
  if (!last || !isNumeric(last) || last.node.kind === 'float')
    throw new PlanError("a histogram's bucket is the last field of its key, which must be an integer");
  return last;
}

/** The exponential buckets that `scale: exponential` asks for; undefined where it does not. */
export function exponentialOf(config: MapConfig, { node, path }: Leaf): ExponentialLayout | undefined {
  if (config.scale !== 'exponential') return undefined;
  if (config.buckets)
    throw new PlanError('`buckets` are bounds of your own, and exponential ones have theirs. Remove one', [
      'scale',
    ]);
  if (node.kind !== 'int' || node.signed)
    throw new PlanError(
      `exponential buckets count unsigned integers, which field "${path.join('.')}" is not: give \`buckets\``,
      ['scale'],
    );
  return exponentialLayout(node.format === 'duration' ? 1e9 : 1);
}
