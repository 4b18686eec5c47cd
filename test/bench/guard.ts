import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useAgent } from './agent.js';
import type { BenchResult } from './case.js';
import { ringCounterCost, ringNdjsonCost } from './cases/ring.js';
import { measure } from './measure.js';
import { figure } from './report.js';
import { ROOT, WORK } from './tools.js';

/** What the guard watches: CPU of a record beside C's in the same run, the steadiest figures that there are. */
const WATCHED = [ringCounterCost, ringNdjsonCost];
const RUNS = 5;
/** A ratio may fall to this share of its baseline: room for noise, none for a build slowed to half. */
const ALLOWED = 0.7;
const BASELINE = join(ROOT, 'test', 'bench', 'baseline.json');

type Baseline = Record<string, number>;

export function writeBaseline(results: readonly BenchResult[]): void {
  const there: Baseline = existsSync(BASELINE) ? JSON.parse(readFileSync(BASELINE, 'utf8')) : {};
  for (const { name, ratio } of results)
    if (WATCHED.some((one) => one.name === name)) there[name] = Number(ratio.toPrecision(3));
  writeFileSync(BASELINE, `${JSON.stringify(there, null, 2)}\n`);
}

/** Whether this build keeps to the baseline. */
export async function guard(): Promise<boolean> {
  const baseline: Baseline = JSON.parse(readFileSync(BASELINE, 'utf8'));
  let passed = true;
  for (const one of WATCHED) {
    const { ratio } = await measure(one, RUNS, {});
    const least = baseline[one.name]! * ALLOWED;
    const fine = ratio >= least;
    passed &&= fine;
    process.stdout.write(
      `${fine ? 'ok  ' : 'SLOW'} ${one.name}: ${figure(ratio)} × C; baseline ${figure(baseline[one.name]!)}, at least ${figure(least)}\n`,
    );
  }
  return passed;
}

/** Drains are three quarters of what a record costs: so much more of their time makes it cost twice. */
const SLOWER = 1.3;

/** The guard passes this build and catches the same build slowed to half: a record costs twice. */
export async function provesItself(): Promise<boolean> {
  const fast = await guard();
  process.stdout.write('the same, slowed to half:\n');
  const copy = join(WORK, 'slow');
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
  for (const name of ['package.json', 'node_modules', 'native', 'config'])
    symlinkSync(join(ROOT, name), join(copy, name));
  const worker = join(copy, 'dist', 'core', 'decode', 'worker.js');
  const source = readFileSync(worker, 'utf8');
  const slowed = source.replace(
    'export default function handle(task) {',
    `export default function handle(task) {
    const begun = performance.now();
    try { return handleOnce(task); }
    finally { const now = performance.now(), end = now + ${SLOWER} * (now - begun); while (performance.now() < end); }
}
function handleOnce(task) {`,
  );
  if (slowed === source) throw new Error('the worker has changed: the guard no longer knows how to slow it');
  writeFileSync(worker, slowed);
  useAgent(join(copy, 'dist', 'core', 'agent', 'main.js'));
  const slow = await guard();
  process.stdout.write(
    `${fast && !slow ? 'ok  ' : 'FAIL'} the guard passes this build and catches the slow one\n`,
  );
  return fast && !slow;
}
