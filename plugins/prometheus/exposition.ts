import type { MetricBatch, MetricFamily, Series } from '../sdk/index.js';
import type { Format } from './accept.js';

/** Series rendered between two looks at the clock. */
const STRIDE = 256;
const SLICE_MS = 8;
const CHUNK = 64 * 1024;

/** Text in pieces, so that a big exposition does not hold the event loop. */
export async function* expose(batch: MetricBatch, format: Format): AsyncGenerator<string> {
  let text = '';
  let slice = performance.now();
  let rendered = 0;
  for (const family of batch.families) {
    if (family.series.length === 0) continue;
    text += header(family, format);
    for (const series of family.series) {
      text += sample(family, series, format);
      if (++rendered % STRIDE !== 0) continue;
      if (performance.now() - slice > SLICE_MS || text.length > CHUNK) {
        yield text;
        text = '';
        await new Promise((resolve) => setImmediate(resolve));
        slice = performance.now();
      }
    }
  }
  if (format === 'openmetrics') text += '# EOF\n';
  if (text !== '') yield text;
}

function header(family: MetricFamily, format: Format): string {
  const name =
    format === 'openmetrics' && family.type === 'counter' ? family.name.replace(/_total$/, '') : family.name;
  const help = family.help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  const shown = format === 'openmetrics' ? help.replace(/"/g, '\\"') : help;
  // OpenMetrics wants the unit as the name's last word.
  const unit =
    format === 'openmetrics' && family.unit && name.endsWith(`_${family.unit}`)
      ? `# UNIT ${name} ${family.unit}\n`
      : '';
  return `# HELP ${name} ${shown}\n# TYPE ${name} ${family.type}\n${unit}`;
}

function sample(family: MetricFamily, series: Series, format: Format): string {
  const { name } = family;
  const { labelText, histogram } = series;
  if (!histogram) return `${name}${braces(labelText)} ${number(series.value ?? 0)}\n`;
  const lead = labelText === '' ? '' : `${labelText},`;
  let text = '';
  let cumulative = 0;
  histogram.bounds.forEach((bound, i) => {
    cumulative += histogram.counts[i]!;
    text += `${name}_bucket{${lead}le="${format === 'openmetrics' ? canonical(bound) : number(bound)}"} ${cumulative}\n`;
  });
  text += `${name}_bucket{${lead}le="+Inf"} ${histogram.count}\n`;
  // OpenMetrics: a histogram with _count has _sum; where no sum is known, neither is shown.
  if (histogram.sum !== undefined) text += `${name}_sum${braces(labelText)} ${number(histogram.sum)}\n`;
  if (histogram.sum !== undefined || format === 'text')
    text += `${name}_count${braces(labelText)} ${histogram.count}\n`;
  return text;
}

function braces(labelText: string): string {
  return labelText === '' ? '' : `{${labelText}}`;
}

function number(value: number | bigint): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/** `le` of OpenMetrics is a float: `10.0`. */
function canonical(bound: number): string {
  const text = number(bound);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
