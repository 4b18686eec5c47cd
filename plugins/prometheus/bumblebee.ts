import type { MetricFamily, MetricOrigin, Series } from '../sdk/index.js';
import type { ExposedFamily } from './exposition.js';
import { goNumber } from './go-number.js';
import { labelText } from './label-text.js';

const PREFIX = 'ebpf_solo_io_';

interface Part {
  readonly family: MetricFamily;
  readonly origin: MetricOrigin;
  readonly series: readonly Series[];
}

/**
 * The original's names: `ebpf_solo_io_<map>{<field>="…"}`, the record's own labels only. Where several probes have
 * a map of one name, which the original's one program a process never had, the host's labels stay and tell them
 * apart. The agent's own metrics stay as they are. Series are renamed while they are walked through.
 */
export function bumblebeeNames(families: readonly MetricFamily[]): ExposedFamily[] {
  const byName = new Map<string, Part[]>();
  const own: ExposedFamily[] = [];
  for (const family of families) {
    if (!family.origin) own.push(family);
    for (const part of parts(family)) {
      const name = nameOf(part.origin);
      const there = byName.get(name);
      if (!there) byName.set(name, [part]);
      // Of another type it cannot join: it keeps the name that is sure to be its own.
      else if (there[0]!.family.type !== family.type) own.push({ ...family, series: part.series });
      else there.push(part);
    }
  }
  const renamed = [...byName].map(([name, all]) => ({
    ...all[0]!.family,
    name,
    series: renamedSeries(all),
    boundText: goNumber,
  }));
  return [...renamed, ...own];
}

function nameOf({ map, field }: MetricOrigin): string {
  return PREFIX + valid(field === undefined ? map : `${map}_${field}`);
}

/** A family, one part a map that makes its series. */
function parts(family: MetricFamily): Part[] {
  const { origin } = family;
  if (!origin) return [];
  if (!family.series.some((series) => series.origin)) return [{ family, origin, series: family.series }];
  const byOrigin = new Map<MetricOrigin, Series[]>();
  for (const series of family.series) {
    const key = series.origin ?? origin;
    const part = byOrigin.get(key);
    if (part) part.push(series);
    else byOrigin.set(key, [series]);
  }
  return [...byOrigin].map(([from, series]) => ({ family, origin: from, series }));
}

function* renamedSeries(all: readonly Part[]): Generator<Series> {
  const keepHost = all.length > 1 || !sameHost(all[0]!);
  for (const { family, origin, series } of all) {
    for (const one of series) {
      const labels = one.labels
        .map(([name, value], i) => [fieldName(name, i, family, origin), value] as const)
        .slice(keepHost ? 0 : origin.hostLabels);
      yield { ...one, labels, labelText: labelText(labels) };
    }
  }
}

/** Whether the host's labels are the same on all, and so tell nothing apart. */
function sameHost({ origin, series }: Part): boolean {
  const first = series[0];
  return series.every(({ labels }) => {
    for (let i = 0; i < origin.hostLabels; i++) if (labels[i]?.[1] !== first?.labels[i]?.[1]) return false;
    return true;
  });
}

function fieldName(name: string, index: number, family: MetricFamily, origin: MetricOrigin): string {
  const field = origin.fieldNames[index - origin.hostLabels];
  // The overflow series has no fields; a histogram's `le` is its buckets'.
  if (field === undefined || name === 'overflow' || (family.type === 'histogram' && field === 'le'))
    return name;
  return valid(field);
}

function valid(name: string): string {
  const text = name.replace(/[^a-zA-Z0-9_]/g, '_');
  return /^\d/.test(text) ? `_${text}` : text;
}
