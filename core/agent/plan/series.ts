import type { MapConfig } from '../../../config/index.js';
import type { MapSpec } from '../../bpf/index.js';
import type { Leaf } from '../../decode/index.js';
import { metricName, type SeriesSource } from '../../metrics/index.js';
import type { Group } from './group.js';
import type { PlanContext } from './map-plan.js';
import { entryRecord, flatPath } from './record.js';
import { bucketLeaf, exponentialOf } from './values.js';

export function seriesOf(
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
    maxSeries: config.maxSeries,
    countsRecords: group.valueLeaves.length === 0,
    ...(config.expire === undefined ? {} : { expire: config.expire }),
  };
}
