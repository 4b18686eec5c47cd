import type { MetricOrigin, Series } from '../../../../plugins/sdk/index.js';
import { printable } from '../../../../plugins/stdout/index.js';
import type { ShownFilter } from '../map-flags.js';
import type { Field } from './field.js';

const INTEGER = /^-?\d{1,15}$/;

/** The record's labels of a series, by the record's own names. */
export function ownLabels({ labels }: Series, origin: MetricOrigin): string[] {
  return labels.slice(origin.hostLabels).map(([, value]) => value);
}

/** Whether `-f` lets a series be seen. */
export function isShown({ labels }: Series, flags: readonly ShownFilter[]): boolean {
  return flags.every(({ field, pattern }) =>
    pattern.test(labels.find(([name]) => name === field)?.[1] ?? ''),
  );
}

/** Labels reach a metric as text: a field whose values are all integers counts as a number. */
export function labelFields(origin: MetricOrigin, rows: readonly (readonly string[])[]): Field[] {
  return origin.fieldNames.map((name, i) => ({
    name: printable(name),
    kind: rows.length > 0 && rows.every((labels) => INTEGER.test(labels[i] ?? '')) ? 'number' : 'text',
    least: 0,
    text: (value) => printable(String(value)),
  }));
}
