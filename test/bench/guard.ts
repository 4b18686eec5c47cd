import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useAgent } from './agent.js';
import {
  type Baseline,
  faults,
  judge,
  raised,
  readBaseline,
  type Verdict,
  writeBaseline,
} from './baseline.js';
import type { BenchCase, BenchResult } from './case.js';
import { hashPoll } from './cases/hash-poll.js';
import { ringCounterCost } from './cases/ring-counter.js';
import { ringNdjsonCost } from './cases/ring-ndjson.js';
import { start } from './cases/start.js';
import { measure } from './measure.js';
import { figure } from './report.js';
import { ROOT, WORK } from './tools.js';

/**
 * What the guard watches: CPU beside C's in the same run, the steadiest figures that there are, and the start.
 * `allowed`: to this share of its baseline a ratio may fall: room for noise, none for a build slowed to half.
 */
const WATCHED: readonly { readonly bench: BenchCase; readonly runs: number; readonly allowed: number }[] = [
  { bench: ringCounterCost, runs: 5, allowed: 0.7 },
  { bench: ringNdjsonCost, runs: 5, allowed: 0.7 },
  { bench: hashPoll, runs: 3, allowed: 0.65 },
  { bench: start, runs: 5, allowed: 0.55 },
];
const BASELINE = join(ROOT, 'test', 'bench', 'baseline.json');

/** Of these results, what the guard watches becomes its baseline. */
export function keepAsBaseline(results: readonly BenchResult[]): void {
  writeBaseline(
    BASELINE,
    results.filter(({ name }) => WATCHED.some(({ bench }) => bench.name === name)),
  );
}

/** What the guard says of the agent. */
async function verdicts(baseline: Baseline, runsOfEach: number | undefined): Promise<Verdict[]> {
  const all: Verdict[] = [];
  for (const { bench, runs, allowed } of WATCHED) {
    const { ratio } = await measure(bench, runsOfEach ?? runs, {});
    const verdict = judge(bench.name, ratio, baseline, allowed);
    all.push(verdict);
    process.stdout.write(
      `${verdict.fine ? 'ok  ' : 'SLOW'} ${bench.name}: × ${figure(ratio)}; baseline ${figure(verdict.baseline)}, at least ${figure(verdict.least)}\n`,
    );
  }
  return all;
}

/** Whether this build keeps to the baseline. */
export async function guard(runs?: number): Promise<boolean> {
  return (await verdicts(readBaseline(BASELINE), runs)).every(({ fine }) => fine);
}

/** Drains and reads are three quarters of what a record costs: so much more of their time makes it cost twice. */
const SLOWER_TASKS = 1.3;
/** Loading its code is most of the agent's start: so much more of its time makes the start take twice as long. */
const SLOWER_START = 1.6;

/**
 * The guard passes this build, and catches in every case that it watches the same build slowed to half. Where this
 * build is better than its baseline, which was measured another day, half of what it does now is what has to be caught.
 */
export async function provesItself(runs?: number): Promise<boolean> {
  const baseline = readBaseline(BASELINE);
  const build = await verdicts(baseline, runs);
  process.stdout.write('the same, slowed to half:\n');
  useAgent(slowedBuild());
  const wrong = faults(build, await verdicts(raised(baseline, build), runs));
  process.stdout.write(
    wrong.length === 0
      ? 'ok   the guard passes this build and catches the slow one\n'
      : wrong.map((fault) => `FAIL ${fault}\n`).join(''),
  );
  return wrong.length === 0;
}

/** A copy of this build, bundled as it is, in which all that is edited is time: its agent. */
function slowedBuild(): string {
  const copy = join(WORK, 'slow');
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
  for (const name of ['package.json', 'node_modules', 'native', 'config'])
    symlinkSync(join(ROOT, name), join(copy, name));
  const bin = join(copy, 'dist', 'bin');
  edit(
    join(bin, 'decode-worker-main.js'),
    'function handle(task) {',
    `function handle(task) {
	const begun = performance.now();
	try { return handleOnce(task); }
	finally { const now = performance.now(), end = now + ${SLOWER_TASKS} * (now - begun); while (performance.now() < end); }
}
function handleOnce(task) {`,
  );
  const wait = `for (const end = ${1 + SLOWER_START} * performance.now(); performance.now() < end; );`;
  // When all is loaded, so that this counts, too.
  edit(join(bin, 'bee-agent-main.js'), 'main(pool)', `{ ${wait} return main(pool); }`);
  return join(bin, 'bee-agent.js');
}

function edit(file: string, text: string, slower: string): void {
  const source = readFileSync(file, 'utf8');
  if (!source.includes(text))
    throw new Error(`${file} has changed: the guard no longer knows how to slow it`);
  writeFileSync(file, source.replace(text, slower));
}
