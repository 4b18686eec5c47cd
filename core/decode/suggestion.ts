import type { Layout } from '../bpf/index.js';
import { fieldNames } from './leaves.js';
import type { DecodePlan } from './plan.js';

/** What is said of a field that is not there. */
export function noSuchField(name: string, layout: Layout, source: DecodePlan['source']): string {
  const { names, short } = fieldNames(layout, source);
  const shown = names.slice(0, 20).join(', ');
  return `there is no field "${name}".${suggest(name, [...names, ...short])} There is: ${shown}${names.length > 20 ? ', …' : ''}`;
}

/** ` Did you mean "x"?`, when something there is close to `name`. */
export function suggest(name: string, known: readonly string[]): string {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best === undefined ? '' : ` Did you mean "${best}"?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
