import type { MetricOrigin, MetricType } from '../../plugins/sdk/index.js';
import type { ExponentialLayout } from './exponential.js';
import type { FamilyName } from './naming.js';

/** One map that makes series. */
export interface SeriesSource {
  readonly probe: string;
  readonly map: string;
  readonly kind: MetricType;
  readonly source: 'ring' | 'entry';
  /** One a value of the group plan. */
  readonly families: readonly FamilyName[];
  readonly labelNames: readonly string[];
  /** The fields' own names, for the sink that keeps BumbleBee's. */
  readonly fieldNames: readonly string[];
  /** In front of the record's labels, on every series. */
  readonly hostLabels: Readonly<Record<string, string>>;
  /** Ring histogram: raw units. */
  readonly bounds?: readonly number[];
  /** Ring histogram whose `bounds` are those of exponential buckets. */
  readonly exponential?: ExponentialLayout;
  /** Entry histogram: how the key's last field becomes a bound. */
  readonly scale?: 'linear' | 'log2';
  /** Ring: series that are kept; those beyond are folded into one. With `expire` twice as many, until the idle ones are gone. */
  readonly maxSeries: number;
  /** Ring: whether a value is the number of its records. */
  readonly countsRecords?: boolean;
  /** ms without an update after which a ring's series goes. */
  readonly expire?: number;
}

/**
 * Why two maps cannot both be exported: one family of two types, or series that could be told apart by nothing.
 * `a` may be `b`: two fields of one map. Undefined when they can.
 */
export function familyClash(a: SeriesSource, b: SeriesSource): string | undefined {
  for (const [i, family] of a.families.entries()) {
    for (const [j, other] of b.families.entries()) {
      if (family.name !== other.name || (a === b && j >= i)) continue;
      const mine = place(a, family);
      const theirs = `${a.probe === b.probe ? '' : `probe "${b.probe}", `}${place(b, other)}`;
      if (a.kind !== b.kind)
        return `${mine} would be the family ${family.name} as a ${a.kind}, which ${theirs} is as a ${b.kind}: rename one with \`metric:\``;
      if (a.probe === b.probe && sameNames(a.labelNames, b.labelNames))
        return `${mine} would be the same series of the family ${family.name} as ${theirs}: ${a === b ? 'choose one with `value:`' : 'rename one with `metric:`'}`;
    }
  }
  return undefined;
}

function place({ map }: SeriesSource, { field }: FamilyName): string {
  return field === undefined ? `map "${map}"` : `map "${map}", field "${field}",`;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

export function originOf(source: SeriesSource, family: FamilyName): MetricOrigin {
  return {
    map: source.map,
    ...(family.field === undefined ? {} : { field: family.field }),
    hostLabels: Object.keys(source.hostLabels).length,
    fieldNames: source.fieldNames,
  };
}

/** Whether names that are made of these two are the same. */
export function sameOrigin(a: MetricOrigin, b: MetricOrigin): boolean {
  return (
    a.map === b.map &&
    a.field === b.field &&
    a.hostLabels === b.hostLabels &&
    a.fieldNames.length === b.fieldNames.length &&
    a.fieldNames.every((name, i) => name === b.fieldNames[i])
  );
}
