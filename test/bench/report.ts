import type { BenchResult, Figures } from './case.js';
import type { GrowthResult } from './growth.js';

/** Three figures that matter, whatever the size. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && Math.abs(value) < 0.01) return value.toPrecision(3);
  if (Math.abs(value) >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en');
  return Number(value.toPrecision(3)).toString();
}

const verdict = ({ target, met }: BenchResult): string =>
  target ? `${met ? 'met' : 'MISSED'}: ${target}` : '';

const rows = (figures: Figures | undefined): string[] =>
  Object.entries(figures ?? {}).map(([name, value]) => `${name}: ${figure(value)}`);

const points = ({ points, x, y }: GrowthResult): string[] =>
  points.map(([size, cost]) => `${size.toLocaleString('en')} ${x}: ${figure(cost)} ${y}`);

export function tableRow(result: BenchResult): string {
  const { name, value, unit, ratio, referenceValue, reference, published } = result;
  const indented = (figures: Figures | undefined): string =>
    figures ? `${' '.repeat(36)}${rows(figures).join(', ')}\n` : '';
  return (
    `${name.padEnd(22)} ${figure(value).padStart(12)} ${unit.padEnd(16)} × ${figure(ratio).padEnd(7)} ${verdict(result)}\n` +
    indented(result.also) +
    `${' '.repeat(22)} ${figure(referenceValue).padStart(12)} ${published ? '(published) ' : ''}${reference}\n` +
    indented(result.referenceAlso)
  );
}

export function growthRow(result: GrowthResult): string {
  return `${result.name.padEnd(22)} × ${figure(result.ratio).padEnd(7)} ${points(result).join(', ')}\n`;
}

export interface Report {
  readonly results: readonly BenchResult[];
  readonly growths: readonly GrowthResult[];
  readonly failures: readonly { readonly name: string; readonly what: string }[];
  /** What was measured on what. */
  readonly machine: string;
  /** Markdown, kept by hand, on what misses its target. */
  readonly notes: string;
}

/** Cases that miss their target, of which the notes say nothing. */
export function unexplained(results: readonly BenchResult[], notes: string): string[] {
  return results
    .filter(({ name, met }) => met === false && !notes.includes(`\`${name}\``))
    .map(({ name }) => name);
}

export function markdown({ results, growths, failures, machine, notes }: Report): string {
  const cases = results.map(
    (result) =>
      `| \`${result.name}\` | ${result.what} | ${cell([`${figure(result.value)} ${result.unit}`, ...rows(result.also)])} | ${cell([`${figure(result.referenceValue)}${result.published ? ' (published)' : ''}: ${result.reference}`, ...rows(result.referenceAlso)])} | ${figure(result.ratio)} | ${result.runs} | ${verdict(result)} |`,
  );
  const failed = failures.map(({ name, what }) => `| \`${name}\` | ${what} | failed | | | | |`);
  return `# Benchmarks

Written by \`sudo npm run bench -- --write\`; [how it measures, and how to run it](docs/bench.md). Ours and the reference run in turn on the same machine; figures are medians, ratios the medians of the ratios pair by pair, turned so that more is better. Absolute figures move with the machine, ratios less. References marked "published" were not run here.

${machine}.

| case | what | measured | reference | ratio | runs | target |
| ---- | ---- | -------- | --------- | ----- | ---- | ------ |
${[...cases, ...failed].join('\n')}
${notesSection(results, notes)}${growths.length === 0 ? '' : growthSection(growths)}`;
}

const cell = (lines: readonly string[]): string => lines.join('<br>');

function notesSection(results: readonly BenchResult[], notes: string): string {
  const text = notes.replace(/<!--.*?-->/gs, '').trim();
  const open = unexplained(results, text).map((name) => `\`${name}\`: not explained yet.`);
  const parts = [...(text === '' ? [] : [text]), ...open];
  return parts.length === 0 ? '' : `\n## What misses, and why\n\n${parts.join('\n\n')}\n`;
}

function growthSection(growths: readonly GrowthResult[]): string {
  const table = growths.map(
    (result) =>
      `| \`${result.name}\` | ${result.what} | ${cell(points(result))} | ${figure(result.ratio)} | ${result.runs} |`,
  );
  return `
## How cost grows

Ratio: what one costs at the smallest size to what one costs at the largest. 1: cost grows as the size does, or not at all where each piece of work is counted; above 1: slower.

| case | what | measured | ratio | runs |
| ---- | ---- | -------- | ----- | ---- |
${table.join('\n')}

![plots of the same](docs/growth.svg)
`;
}
