import type { MetricType } from '../../plugins/sdk/index.js';
import { MetricsError } from './error.js';

/** A family, named so that promtool's lint has nothing to say. */
export interface FamilyName {
  readonly name: string;
  readonly help: string;
  readonly unit?: 'seconds' | 'bytes';
  /** Raw values times this are in the family's unit. */
  readonly scale: number;
}

export interface NamingInput {
  /** With its prefix. */
  readonly map: string;
  readonly kind: MetricType;
  /** The value is a `duration`, ns. */
  readonly duration: boolean;
  /** Where a struct value makes one family a field. */
  readonly field?: string;
  /** The config's `metric:`. */
  readonly rename?: string;
  readonly help?: string;
}

const PREFIX = /^(print|counter|gauge|hist)_/;
/** Words that promtool's lint forbids as a part of a name: kinds, and abbreviations of units. */
const KINDS = new Set(['counter', 'gauge', 'hist', 'histogram', 'summary', 'untyped', 'metric']);
const ABBREVIATIONS = new Set([
  's',
  'ms',
  'us',
  'ns',
  'sec',
  'b',
  'kb',
  'mb',
  'gb',
  'tb',
  'pb',
  'm',
  'h',
  'd',
]);
/** Other units of the lint's list of non-base units, as it names them. */
const NOT_BASE = new Set([
  'nanoseconds',
  'microseconds',
  'milliseconds',
  'minutes',
  'hours',
  'days',
  'weeks',
  'kilobytes',
  'megabytes',
  'gigabytes',
]);
const ENDINGS = new Set(['total', 'bucket', 'sum', 'count', 'info', 'created']);

/** `counter_tcp_bytes` → `ebpf_tcp_bytes_total`. Prometheus' naming practices; design: "Names". */
export function metricName(input: NamingInput): FamilyName {
  const base =
    input.rename ?? ['ebpf', input.map.replace(PREFIX, ''), ...(input.field ? [input.field] : [])].join('_');
  let words = snake(base).filter((word) => !KINDS.has(word) && !NOT_BASE.has(word));
  words = words.filter((word) => !ABBREVIATIONS.has(word));
  while (words.length > 1 && ENDINGS.has(words.at(-1)!)) words.pop();
  if (words.length === 0 || (words.length === 1 && words[0] === 'ebpf')) words.push('value');
  if (!/^[a-z]/.test(words[0]!)) words.unshift('ebpf');
  const tail = words.at(-1);
  if (input.duration && tail !== 'seconds') words.push('seconds');
  const unit = input.duration || tail === 'seconds' ? 'seconds' : tail === 'bytes' ? 'bytes' : undefined;
  if (input.kind === 'counter') words.push('total');
  return {
    name: words.join('_'),
    help:
      input.help ?? `Map ${input.map}${input.field ? `, field ${input.field}` : ''}, as the probe keeps it.`,
    scale: input.duration ? 1e-9 : 1,
    ...(unit ? { unit } : {}),
  };
}

function snake(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
}

const RESERVED = new Set(['probe', 'le', 'quantile', 'overflow', 'job', 'instance']);

/**
 * Label names of fields, from their paths: joined by `_`, made valid; `exported_` in front of one that a label
 * of ours has. Throws {@link MetricsError} when two fields come out alike.
 */
export function labelNames(
  paths: readonly (readonly string[])[],
  hostLabels: readonly string[] = [],
): string[] {
  const reserved = new Set([...RESERVED, ...hostLabels]);
  const seen = new Map<string, string>();
  return paths.map((path) => {
    let name = path.join('_').replace(/[^a-zA-Z0-9_]/g, '_');
    if (!/^[a-zA-Z_]/.test(name)) name = `_${name}`;
    if (reserved.has(name) || name.startsWith('__')) name = `exported_${name.replace(/^_+/, '')}`;
    const other = seen.get(name);
    if (other !== undefined) {
      throw new MetricsError(
        'LABEL_COLLISION',
        `fields "${other}" and "${path.join('.')}" would both be the label ${name}: choose with \`labels:\``,
      );
    }
    seen.set(name, path.join('.'));
    return name;
  });
}
