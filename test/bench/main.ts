import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { BenchOptions, BenchResult } from './case.js';
import { growthCases } from './cases/growth.js';
import { cases } from './cases/index.js';
import { type GrowthResult, measureGrowth } from './growth.js';
import { guard, keepAsBaseline, provesItself } from './guard.js';
import { machine } from './machine.js';
import { measure } from './measure.js';
import { plot } from './plot.js';
import { killChildren } from './process.js';
import { growthRow, markdown, tableRow, unexplained } from './report.js';
import { ROOT } from './tools.js';

const DEFAULT_RUNS = 5;

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    killChildren();
    process.exit(code);
  });
}

interface Flags extends BenchOptions {
  readonly case?: readonly string[];
  readonly runs?: number;
  readonly write?: true;
  readonly list?: true;
  readonly guard?: true;
  readonly guardProof?: true;
}

const command = new Command('bench')
  .description('Measure bee-agent beside its references. One JSON line a case; a table on a terminal.')
  .option('--case <name...>', 'only these cases')
  .option('--runs <n>', `runs of each case (default: ${DEFAULT_RUNS}, fewer for long ones)`, (text) => {
    const runs = Number(text);
    if (!Number.isInteger(runs) || runs < 1 || runs > 100)
      throw new InvalidArgumentError('Expected 1 to 100.');
    return runs;
  })
  .option('--bee <path>', 'BumbleBee: run it on the same work instead of quoting its published figure')
  .option('--ig <path>', 'Inspektor Gadget: likewise')
  .option('--ebpf-exporter <path>', 'ebpf_exporter: likewise')
  .option('--list', 'list the cases')
  .option('--write', 'write BENCHMARKS.md, the plots and the baseline of the guard')
  .option('--guard', 'fail when costs beside the reference are far above the baseline')
  .option('--guard-proof', 'show that the guard passes this build, and catches it slowed to half')
  .parse();
const flags = command.opts<Flags>();
const known = [...cases, ...growthCases].map(({ name }) => name);
const unknown = flags.case?.find((name) => !known.includes(name));
if (unknown) command.error(`error: there is no case "${unknown}". There is: ${known.join(' ')}`);
if (flags.write && flags.case) command.error('error: --write writes all cases: not with --case');
if (flags.list) {
  for (const { name, what, unit } of cases) process.stdout.write(`${name.padEnd(24)} ${what} [${unit}]\n`);
  for (const { name, what, y } of growthCases) process.stdout.write(`${name.padEnd(24)} ${what} [${y}]\n`);
  process.exit(0);
}
if (process.getuid?.() !== 0) command.error('error: the bench loads BPF programs. Run: sudo npm run bench');

if (flags.guard || flags.guardProof) {
  let passed = false;
  try {
    passed = flags.guardProof ? await provesItself(flags.runs) : await guard(flags.runs);
  } finally {
    killChildren();
  }
  process.exit(passed ? 0 : 1);
}

const GROWTH_RUNS = 2;
const results: BenchResult[] = [];
const growths: GrowthResult[] = [];
const failures: { readonly name: string; readonly what: string }[] = [];
try {
  for (const one of cases) {
    if (flags.case && !flags.case.includes(one.name)) continue;
    if (process.stderr.isTTY) process.stderr.write(`${one.name} …\r`);
    try {
      const result = await measure(one, flags.runs ?? one.runs ?? DEFAULT_RUNS, flags);
      results.push(result);
      process.stdout.write(process.stdout.isTTY ? tableRow(result) : `${JSON.stringify(result)}\n`);
    } catch (error) {
      failures.push(one);
      // What a case leaves running when it fails would be part of the next one.
      killChildren();
      process.stderr.write(`${one.name} failed: ${error instanceof Error ? error.message : error}\n`);
    }
  }
  for (const one of growthCases) {
    if (flags.case && !flags.case.includes(one.name)) continue;
    if (process.stderr.isTTY) process.stderr.write(`${one.name} …\r`);
    try {
      const result = await measureGrowth(one, flags.runs ?? one.runs ?? GROWTH_RUNS);
      growths.push(result);
      process.stdout.write(process.stdout.isTTY ? growthRow(result) : `${JSON.stringify(result)}\n`);
    } catch (error) {
      failures.push(one);
      // What a case leaves running when it fails would be part of the next one.
      killChildren();
      process.stderr.write(`${one.name} failed: ${error instanceof Error ? error.message : error}\n`);
    }
  }
  if (flags.write) {
    const notes = readFileSync(join(ROOT, 'test', 'bench', 'notes.md'), 'utf8');
    const report = { results, growths, failures, machine: machine(), notes };
    writeFileSync(join(ROOT, 'BENCHMARKS.md'), markdown(report));
    for (const name of unexplained(results, notes))
      process.stderr.write(`${name} misses its target: say why in test/bench/notes.md\n`);
    keepAsBaseline(results);
    writeFileSync(join(ROOT, 'docs', 'growth.svg'), plot(growths));
  }
} finally {
  killChildren();
}
process.exit(failures.length > 0 ? 1 : 0);
