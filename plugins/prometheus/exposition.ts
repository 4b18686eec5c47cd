import type { HistogramValue, MetricFamily, Series } from '../sdk/index.js';
import type { Format } from './accept.js';
import { exemplarsByBucket, exemplarText } from './exemplar.js';
import { goNumber } from './go-number.js';

type Kind = Format['kind'];

/** A family whose series may be made while they are walked through. */
export type ExposedFamily = Omit<MetricFamily, 'series'> & {
  readonly series: Iterable<Series>;
  /** How text 0.0.4 writes the bounds of buckets. Default: as JavaScript prints numbers. */
  readonly boundText?: (bound: number) => string;
};

/** About a millisecond's work: then the event loop turns, so that a big exposition does not hold it. */
const TURN = 64 * 1024;
/** In smaller pieces a stream that zips them waits more than it works. */
const PIECE = 512 * 1024;

/** Text in pieces of about 512 KiB. */
export async function* expose(families: readonly ExposedFamily[], format: Kind): AsyncGenerator<Buffer> {
  let text = '';
  let turns: Buffer[] = [];
  let held = 0;
  // To OpenMetrics a counter's name has no _total, and may then be another family's.
  const taken = new Set(families.filter(({ type }) => type !== 'counter').map(({ name }) => name));
  for (const family of families) {
    let empty = true;
    const shown = shownAs(family, format, taken);
    // OpenMetrics has them on these two, and 0.0.4 on none.
    const boundText = format === 'openmetrics' ? canonical : (family.boundText ?? number);
    const exemplified = format === 'openmetrics' && (shown.type === 'counter' || shown.type === 'histogram');
    for (const series of family.series) {
      if (empty) text += header(family, format, shown);
      empty = false;
      text += sample(family.name, series, format, exemplified, boundText);
      if (text.length < TURN) continue;
      const made = Buffer.from(text);
      turns.push(made);
      held += made.length;
      text = '';
      if (held >= PIECE) {
        yield Buffer.concat(turns);
        turns = [];
        held = 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  if (format === 'openmetrics') text += '# EOF\n';
  const last = Buffer.concat([...turns, Buffer.from(text)]);
  if (last.length > 0) yield last;
}

interface Shown {
  readonly name: string;
  readonly type: string;
}

function shownAs({ name, type }: ExposedFamily, format: Kind, taken: ReadonlySet<string>): Shown {
  if (format === 'text' || type !== 'counter') return { name, type };
  const short = name.replace(/_total$/, '');
  // A counter must be called x_total, and x must be free: or it is a value of unknown type.
  return short === name || taken.has(short) ? { name, type: 'unknown' } : { name: short, type };
}

function header(family: ExposedFamily, format: Kind, { name, type }: Shown): string {
  const help = family.help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  if (format === 'text') return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  const unit = family.unit && name.endsWith(`_${family.unit}`) ? `# UNIT ${name} ${family.unit}\n` : '';
  return `# HELP ${name} ${help.replace(/"/g, '\\"')}\n# TYPE ${name} ${type}\n${unit}`;
}

function sample(
  name: string,
  series: Series,
  format: Kind,
  exemplified: boolean,
  boundText: (bound: number) => string,
): string {
  const { labelText, histogram, value } = series;
  const exemplars = exemplified ? series.exemplars : undefined;
  if (!histogram && !exemplars && labelText !== '')
    return `${name}{${labelText}} ${number(value ?? Number.NaN)}\n`;
  const labels = labelText === '' ? '' : `{${labelText}}`;
  if (!histogram) return `${name}${labels} ${number(value ?? Number.NaN)}${exemplarText(exemplars?.[0])}\n`;
  const lead = `${name}_bucket{${labelText === '' ? '' : `${labelText},`}le="`;
  const behind = exemplars ? exemplarsByBucket(series, histogram.bounds).map(exemplarText) : [];
  let text = '';
  let cumulative = 0;
  for (const [i, bound] of histogram.bounds.entries()) {
    cumulative += histogram.counts[i]!;
    text += `${lead}${boundText(bound)}"} ${cumulative}${behind[i] ?? ''}\n`;
  }
  text += `${lead}+Inf"} ${histogram.count}${behind[histogram.bounds.length] ?? ''}\n`;
  const { sum, count } = shownTotals(histogram, format);
  if (sum !== undefined) text += `${name}_sum${labels} ${number(sum)}\n`;
  if (count !== undefined) text += `${name}_count${labels} ${count}\n`;
  return text;
}

/** OpenMetrics shows sum and count together or not at all; and no sum, which could fall, where buckets are negative. */
function shownTotals(
  { sum, count, bounds }: HistogramValue,
  format: Kind,
): { sum?: number | bigint; count?: number } {
  if (format === 'text') return sum === undefined ? { count } : { sum, count };
  return sum === undefined || (bounds[0] ?? 0) < 0 ? {} : { sum, count };
}

/** Integers with their exact digits. */
function number(value: number | bigint): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return `${value}`;
}

/** A canonical number of OpenMetrics, as Go's `%g` prints it, but never an integer: `10.0`, `0.001`, `4.096e+06`. */
function canonical(bound: number): string {
  const text = goNumber(bound);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
