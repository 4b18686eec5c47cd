import type { MetricType } from '../../plugins/sdk/index.js';
import { MetricsError } from './error.js';
import { snakeCase } from './labels.js';

/** A family, named so that promtool's lint has nothing to say. */
export interface FamilyName {
  readonly name: string;
  readonly help: string;
  readonly unit?: 'seconds' | 'bytes';
  /** Raw values divided by this are in the family's unit. (1000 / 1e9 is 0.000001, 1000 * 1e-9 is not.) */
  readonly divisor: number;
  /** Where a struct value makes one family a field: flattened with `_`. */
  readonly field?: string;
}

export interface NamingInput {
  /** With its prefix. */
  readonly map: string;
  readonly kind: MetricType;
  /** The value is a `duration`, ns. */
  readonly duration: boolean;
  readonly field?: string;
  /** The config's `metric:`. */
  readonly rename?: string;
  readonly help?: string;
}

const PREFIX = /^(print|counter|gauge|hist)_/;
/** Words that promtool's lint forbids as a part of a name: kinds, and abbreviations of units. */
const KINDS = new Set(['counter', 'gauge', 'hist', 'histogram', 'summary', 'untyped', 'metric']);
const ABBREVIATIONS = new Set('s ms us ns sec b kb mb gb tb pb m h d'.split(' '));
/** Units that the lint knows, and of which each is no base unit with one of these in front. */
const BASE_UNITS = new Set(
  'amperes bytes celsius grams joules kelvin meters metres seconds volts'.split(' '),
);
const OTHER_UNITS = new Set(
  'minutes hours days weeks kelvins fahrenheit rankine inches yards miles bits calories pounds ounces'.split(
    ' ',
  ),
);
const MULTIPLES =
  /^(?:pico|nano|micro|milli|centi|deci|deca|hecto|kilo|kibi|mega|mibi|mebi|giga|gibi|tera|tebi|peta|pebi)/;
/** Endings that mean something to the formats; in a counter's name they stand before `_total` and mean nothing. */
const ENDINGS = new Set(['bucket', 'sum', 'count', 'created']);
const OWN_PREFIX = 'bee_agent_';

/** `counter_tcp_bytes` → `ebpf_tcp_bytes_total`. Prometheus' naming practices; design: "Names". */
export function metricName(input: NamingInput): FamilyName {
  const { kind, duration, field } = input;
  const words = input.rename === undefined ? madeWords(input) : renamedWords(input, input.rename);
  if (duration && words.at(-1) !== 'seconds') words.push('seconds');
  const tail = words.at(-1);
  const unit = tail === 'seconds' || tail === 'bytes' ? tail : undefined;
  if (kind === 'counter') words.push('total');
  return {
    name: words.join('_'),
    help:
      input.help ??
      `Map ${input.map}${field === undefined ? '' : `, field ${field}`}, as the probe keeps it.`,
    divisor: duration ? 1e9 : 1,
    ...(unit ? { unit } : {}),
    ...(field === undefined ? {} : { field }),
  };
}

function madeWords({ map, kind, field }: NamingInput): string[] {
  const name = map.replace(PREFIX, '');
  return [
    'ebpf',
    ...(field === undefined
      ? allowed(name, kind, true)
      : [...allowed(name, 'counter', false), ...allowed(field, kind, true, '_value')]),
  ];
}

/**
 * The words of a name that the lint admits. A reserved ending leaves a map's name; a field's keeps it, with
 * `instead` behind it, or the fields `count` and `sum` of one struct would be one.
 */
function allowed(name: string, kind: MetricType, last: boolean, instead = ''): string[] {
  const words = snakeCase(name)
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !KINDS.has(word) && !ABBREVIATIONS.has(word) && !isOtherUnit(word));
  while (last && words.at(-1) === 'total') words.pop();
  if (last && kind !== 'counter' && ENDINGS.has(words.at(-1) ?? '')) {
    if (instead !== '') words.push(instead.slice(1));
    else while (ENDINGS.has(words.at(-1) ?? '') || words.at(-1) === 'total') words.pop();
  }
  return last && words.length === 0 ? ['value'] : words;
}

function isOtherUnit(word: string): boolean {
  if (OTHER_UNITS.has(word)) return true;
  const unit = word.replace(MULTIPLES, '');
  return unit !== word && (BASE_UNITS.has(unit) || OTHER_UNITS.has(unit));
}

/** What a user chose stays as it is, but for the endings that say type and unit. */
function renamedWords({ map, kind, field }: NamingInput, rename: string): string[] {
  const words = rename.replace(/_total$/, '').split('_');
  if (rename.startsWith(OWN_PREFIX))
    throw new MetricsError('BAD_NAME', `metric: names that begin with ${OWN_PREFIX} are the agent's own`);
  if (field !== undefined) return [...words, ...allowed(field, kind, true, '_value')];
  if (kind === 'counter') return words;
  const ending = rename.split('_').at(-1)!;
  if (ending === 'total' || ENDINGS.has(ending))
    throw new MetricsError(
      'BAD_NAME',
      `metric: ${map} is a ${kind}, and names that end in _${ending} are ${ending === 'total' ? "a counter's" : "parts of a histogram's"}`,
    );
  return words;
}
