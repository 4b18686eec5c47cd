/** One sample of an exposition, its labels unescaped. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As it stands in the text: 64-bit integers keep their digits. */
  readonly value: string;
  readonly exemplar?: Exemplar;
}

export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
  /** Unix time, s, with its digits. */
  readonly time: string;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly unit?: string;
  readonly samples: Sample[];
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  text_counter: [''],
  openmetrics_counter: ['_total', '_created'],
  text_gauge: [''],
  openmetrics_gauge: [''],
  openmetrics_unknown: [''],
  text_histogram: ['_bucket', '_sum', '_count'],
  openmetrics_histogram: ['_bucket', '_sum', '_count', '_created'],
};

/**
 * Reads Prometheus text 0.0.4 or OpenMetrics 1.0, and throws for what these formats forbid: a family twice or in
 * pieces, a sample that its family's type has not, a series twice, buckets that fall or lack +Inf, no `# EOF`, exemplars
 * where there may be none or longer than 128 characters.
 */
export function parseExposition(text: string, format: 'text' | 'openmetrics'): Family[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family & { unit?: string }>();
  const series = new Set<string>();
  let family: (Family & { unit?: string }) | undefined;
  const lines = text.split('\n').slice(0, -1);
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('no # EOF at the end');
  for (const line of lines) {
    const help = /^# HELP ([a-zA-Z_][a-zA-Z0-9_]*) (.*)$/.exec(line);
    if (help) {
      if (families.has(help[1]!)) throw new Error(`family twice: ${help[1]}`);
      family = { name: help[1]!, type: '', help: help[2]!, samples: [] };
      families.set(help[1]!, family);
      continue;
    }
    const meta = /^# (TYPE|UNIT) (\S+) (\S+)$/.exec(line);
    if (meta) {
      if (!family || family.name !== meta[2]) throw new Error(`out of place: ${line}`);
      if (meta[1] === 'UNIT' && !family.name.endsWith(`_${meta[3]}`)) throw new Error(`unit: ${line}`);
      Object.assign(family, meta[1] === 'TYPE' ? { type: meta[3] } : { unit: meta[3] });
      continue;
    }
    const sample = parseSample(line);
    const suffixes = family ? SUFFIXES[`${format}_${family.type}`] : undefined;
    if (!family || !suffixes?.some((suffix) => family!.name + suffix === sample.name))
      throw new Error(`no sample of ${family?.name}, ${family?.type}: ${line}`);
    if (sample.exemplar) checkExemplar(sample, `${format}_${family.type}`, line);
    const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (series.has(identity)) throw new Error(`series twice: ${line}`);
    series.add(identity);
    family.samples.push(sample);
  }
  for (const one of families.values()) if (one.type === 'histogram') checkBuckets(one);
  return [...families.values()];
}

function parseSample(line: string): Sample {
  const head = /^([a-zA-Z_][a-zA-Z0-9_]*)/.exec(line);
  if (!head) throw new Error(`no sample: ${line}`);
  const [labels, at] = parseLabels(line, head[1]!.length);
  const value = /^ (\S+)(?: # (?=\{))?/.exec(line.slice(at));
  if (!value || !isNumber(value[1]!)) throw new Error(`no value: ${line}`);
  const rest = at + value[0].length;
  if (rest === line.length) return { name: head[1]!, labels, value: value[1]! };
  const [own, end] = parseLabels(line, rest);
  const exemplar = /^ (\S+) (\d+\.\d+)$/.exec(line.slice(end));
  if (!exemplar || !isNumber(exemplar[1]!)) throw new Error(`no exemplar: ${line}`);
  return {
    name: head[1]!,
    labels,
    value: value[1]!,
    exemplar: { labels: own, value: exemplar[1]!, time: exemplar[2]! },
  };
}

function isNumber(text: string): boolean {
  return /^(?:NaN|[+-]Inf)$/.test(text) || Number.isFinite(Number(text));
}

function checkExemplar({ name, labels, exemplar }: Sample, type: string, line: string): void {
  const may =
    type === 'openmetrics_counter' || (type === 'openmetrics_histogram' && name.endsWith('_bucket'));
  if (!may || !exemplar) throw new Error(`an exemplar where there may be none: ${line}`);
  const characters = [...Object.entries(exemplar.labels).flat().join('')].length;
  if (characters > 128) throw new Error(`an exemplar of ${characters} characters: ${line}`);
  if (labels.le && labels.le !== '+Inf' && Number(exemplar.value) > Number(labels.le))
    throw new Error(`an exemplar that is not in its bucket: ${line}`);
}

/** The labels that begin at `start`, if there are any, and where they end. */
function parseLabels(line: string, start: number): [Record<string, string>, number] {
  const labels: Record<string, string> = {};
  let at = start;
  if (line[at] === '{') {
    at++;
    while (line[at] !== '}') {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\"|\\n)*)"(,?)/.exec(line.slice(at));
      if (!label) throw new Error(`no label at ${at}: ${line}`);
      if (label[1]! in labels) throw new Error(`label twice: ${line}`);
      labels[label[1]!] = label[2]!.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char));
      at += label[0].length;
    }
    at++;
  }
  return [labels, at];
}

function checkBuckets(family: Family): void {
  const byLabels = new Map<string, { le: number; value: number }[]>();
  const counts = new Map<string, number>();
  for (const { name, labels, value } of family.samples) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(Object.entries(rest).sort());
    if (name.endsWith('_count')) counts.set(key, Number(value));
    if (!name.endsWith('_bucket')) continue;
    const bucket = { le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), value: Number(value) };
    const before = byLabels.get(key);
    const last = before?.at(-1);
    if (last && (last.le >= bucket.le || last.value > bucket.value))
      throw new Error(`${family.name}: buckets out of order or falling at le=${le}`);
    if (before) before.push(bucket);
    else byLabels.set(key, [bucket]);
  }
  for (const [key, buckets] of byLabels) {
    const last = buckets.at(-1)!;
    if (last.le !== Number.POSITIVE_INFINITY) throw new Error(`${family.name}${key}: no +Inf`);
    if (counts.has(key) && counts.get(key) !== last.value)
      throw new Error(`${family.name}${key}: _count is not +Inf's`);
  }
}
