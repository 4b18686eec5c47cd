import type { ExemplarPlan, Leaf } from '../../decode/index.js';
import { labelNames } from '../../metrics/index.js';
import { messageOf } from '../error.js';
import { PlanError } from './problem.js';

/** OpenMetrics 1.0, "Exemplars": characters of a label set's names and values. */
const MAX_EXEMPLAR_CHARACTERS = 128;

/** Names and fields of a map's exemplars. Throws {@link PlanError} where they cannot be shown. */
export function exemplarPlan(leaves: readonly Leaf[]): ExemplarPlan {
  const names = named('exemplar', () => labelNames(leaves.map((leaf) => leaf.path)));
  const length = names.join('').length;
  if (length >= MAX_EXEMPLAR_CHARACTERS)
    throw new PlanError(
      `the names of these fields alone have ${length} characters, and an exemplar has room for ${MAX_EXEMPLAR_CHARACTERS} with its values: choose fewer`,
      ['exemplar'],
    );
  const labels = leaves.map((leaf, i) => ({ name: names[i]!, path: leaf.path }));
  return { labels, maxCharacters: MAX_EXEMPLAR_CHARACTERS };
}

/** Names of fields that come out alike are the fault of this key. */
function named<T>(key: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new PlanError(messageOf(error).replace('`labels:`', `\`${key}:\``), [key]);
  }
}
