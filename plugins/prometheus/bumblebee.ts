import type { MetricBatch, MetricFamily, Series } from '../sdk/index.js';

/** The original's names: `ebpf_solo_io_<map>{<field>="…"}`, the record's own labels only. The agent's own metrics stay as they are. */
export function bumblebeeNames(batch: MetricBatch): MetricBatch {
  return { ...batch, families: batch.families.map(rename) };
}

function rename(family: MetricFamily): MetricFamily {
  const { origin } = family;
  if (!origin) return family;
  const name = `ebpf_solo_io_${origin.map}${origin.field ? `_${origin.field}` : ''}`;
  return {
    ...family,
    name,
    series: family.series.map((series) => strip(series, origin.hostLabels, origin.fieldNames)),
  };
}

function strip(series: Series, hostLabels: number, fieldNames: readonly string[]): Series {
  const labels = series.labels
    .slice(hostLabels)
    .map(([name, value], i) => [fieldNames[i] ?? name, value] as const);
  const labelText = labels
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`)
    .join(',');
  return { ...series, labels, labelText };
}
