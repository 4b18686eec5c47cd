import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { BenchResult } from './case.js';
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

export function tableRow(result: BenchResult): string {
  const { name, value, unit, ratio, referenceValue, reference, published } = result;
  const also = Object.entries(result.also ?? {}).map(([key, one]) => `${key}: ${figure(one)}`);
  return (
    `${name.padEnd(22)} ${figure(value).padStart(12)} ${unit.padEnd(16)} × ${figure(ratio).padEnd(7)} ${verdict(result)}\n` +
    `${' '.repeat(22)} ${figure(referenceValue).padStart(12)} ${published ? '(published) ' : ''}${reference}\n` +
    (also.length > 0 ? `${' '.repeat(36)}${also.join(', ')}\n` : '')
  );
}

export function growthRow({ name, x, y, points }: GrowthResult): string {
  const shown = points.map(([size, cost]) => `${size.toLocaleString('en')}: ${figure(cost)} ${y}`);
  return `${name.padEnd(22)} ${x} ${shown.join(', ')}\n`;
}

export function markdown(
  results: readonly BenchResult[],
  growths: readonly GrowthResult[],
  failures: readonly { readonly name: string; readonly what: string }[],
): string {
  const clang = execFileSync('clang', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  const os = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const rows = results.map((result) => {
    const also = Object.entries(result.also ?? {}).map(([key, value]) => `${key}: ${figure(value)}`);
    return `| \`${result.name}\` | ${result.what} | ${figure(result.value)} ${result.unit}${also.length ? `<br>${also.join('<br>')}` : ''} | ${figure(result.referenceValue)}${result.published ? ' (published)' : ''}: ${result.reference} | ${figure(result.ratio)} | ${result.runs} | ${verdict(result)} |`;
  });
  const failed = failures.map(({ name, what }) => `| \`${name}\` | ${what} | failed | | | | |`);
  return `# Benchmarks

Written by \`sudo npm run bench -- --write\`. Ours and the reference run in turn on the same machine; figures are medians, ratios the medians of the ratios pair by pair, turned so that more is better. Absolute figures move with the machine, ratios less. References marked "published" were not run here. Records are made by a tracepoint program, many a system call; that of the peers has no loop, and makes fewer at once.

${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB; Linux ${release()}; ${os}; Node ${process.versions.node}; ${clang}.

| case | what | measured | reference | ratio | runs | target |
| ---- | ---- | -------- | --------- | ----- | ---- | ------ |
${[...rows, ...failed].join('\n')}
${growths.length === 0 ? '' : growthSection(growths)}`;
}

function growthSection(growths: readonly GrowthResult[]): string {
  const rows = growths.map(
    ({ name, what, x, y, points }) =>
      `| \`${name}\` | ${what} | ${points.map(([size, cost]) => `${size.toLocaleString('en')} ${x}: ${figure(cost)} ${y}`).join('<br>')} |`,
  );
  return `
## How cost grows

| case | what | measured |
| ---- | ---- | -------- |
${rows.join('\n')}

![plots of the same](docs/growth.svg)
`;
}
