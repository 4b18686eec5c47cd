import type { ConfigPath, MapConfig } from '../../../config/index.js';
import type { Layout, MapSpec } from '../../bpf/index.js';
import {
  type DecodePlan,
  entryLayout,
  findLeaf,
  firstTimestamp,
  type Leaf,
  noSuchField,
} from '../../decode/index.js';
import { messageOf } from '../error.js';
import type { PlanContext } from './map-plan.js';
import { PlanError } from './problem.js';

export function ringRecord(map: MapSpec, config: MapConfig, context: PlanContext): Layout {
  if (config.type !== undefined) {
    try {
      return context.layoutOf(config.type);
    } catch (error) {
      throw new PlanError(messageOf(error), ['type']);
    }
  }
  if (map.value) return map.value;
  throw new PlanError(
    'this ring buffer does not say what its records are. Add __type(value, struct T) to its definition, or `type: struct T` to the config',
  );
}

export function entryRecord(map: MapSpec): Layout {
  if (map.key && map.value) return entryLayout(map.key, map.value);
  throw new PlanError(
    'this map does not say what its keys and values are: define it with __type(key, …) and __type(value, …)',
  );
}

export function timestampOf(
  record: Layout,
  source: 'ring' | 'entry',
  config: MapConfig,
): DecodePlan['timestamp'] {
  if (config.timestamp !== undefined) {
    const leaf = field(record, config.timestamp, source, ['timestamp']);
    const format = leaf.node.kind === 'int' ? leaf.node.format : undefined;
    if (leaf.node.kind !== 'int' || leaf.node.size !== 8) {
      throw new PlanError(`field "${config.timestamp}" is no 64-bit integer, so it cannot be a time`, [
        'timestamp',
      ]);
    }
    return { path: leaf.path, clock: format === 'boottime' ? 'boottime' : 'ktime' };
  }
  // An entry stands for a state, not for a moment.
  return source === 'ring' ? firstTimestamp(record) : undefined;
}

export function field(record: Layout, name: string, source: 'ring' | 'entry', at: ConfigPath): Leaf {
  const leaf = findLeaf(record, name, source);
  if (!leaf) throw new PlanError(noSuchField(name, record, source), at);
  return leaf;
}

export function isNumeric({ node }: Leaf): boolean {
  return node.kind === 'int' || node.kind === 'float' || node.kind === 'bool';
}

export function numeric(leaf: Leaf, name: string): Leaf {
  if (isNumeric(leaf)) return leaf;
  throw new PlanError(`field "${name}" is a ${leaf.node.kind}, not a number`, ['value']);
}

/** Names of a label's path: a key's fields stand for themselves. */
export function flatPath(path: readonly string[], source: 'ring' | 'entry'): readonly string[] {
  return source === 'entry' && path.length > 1 ? path.slice(1) : path;
}
