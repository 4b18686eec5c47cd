import { join } from 'node:path';
import { BUILD, useAgent } from './agent.js';
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
import { slowedBuild } from './slowed.js';
import { ROOT } from './tools.js';

interface Watched {
  readonly bench: BenchCase;
  readonly runs: number;
  readonly allowed: number;
}

/**
 * What the guard watches: CPU beside C's in the same run, the steadiest figures that there are, and the start.
 * `allowed`: to this share of its baseline a ratio may fall: room for noise, none for a build slowed to half.
 */
const WATCHED: readonly Watched[] = [
  { bench: ringCounterCost, runs: 5, allowed: 0.7 },
  { bench: ringNdjsonCost, runs: 5, allowed: 0.7 },
  { bench: hashPoll, runs: 3, allowed: 0.65 },
  { bench: start, runs: 5, allowed: 0.6 },
];
const BASELINE = join(ROOT, 'test', 'bench', 'baseline.json');

/** Of these results, what the guard watches becomes its baseline. */
export function keepAsBaseline(results: readonly BenchResult[]): void {
  writeBaseline(
    BASELINE,
    results.filter(({ name }) => WATCHED.some(({ bench }) => bench.name === name)),
  );
}

/** What the guard says of the agent in one case, and what that measured. */
async function verdictOn(
  { bench, runs, allowed }: Watched,
  baseline: Baseline,
  runsOfEach = runs,
  build = '',
): Promise<{ verdict: Verdict; value: number }> {
  const { ratio, value } = await measure(bench, runsOfEach, {});
  const verdict = judge(bench.name, ratio, baseline, allowed);
  process.stdout.write(
    `${verdict.fine ? 'ok  ' : 'SLOW'} ${bench.name}${build && ` ${build}`}: × ${figure(ratio)}; baseline ${figure(verdict.baseline)}, at least ${figure(verdict.least)}\n`,
  );
  return { verdict, value };
}

/** Whether this build keeps to the baseline. */
export async function guard(runs?: number): Promise<boolean> {
  const baseline = readBaseline(BASELINE);
  let fine = true;
  for (const watched of WATCHED) fine = (await verdictOn(watched, baseline, runs)).verdict.fine && fine;
  return fine;
}

/**
 * The guard passes this build, and catches in every case that it watches the same build slowed to half. Where this
 * build is better than its baseline, which was measured another day, half of what it does now is what has to be caught.
 */
export async function provesItself(runs?: number): Promise<boolean> {
  const baseline = readBaseline(BASELINE);
  const build: Verdict[] = [];
  const slowed: Verdict[] = [];
  for (const watched of WATCHED) {
    const { verdict, value } = await verdictOn(watched, baseline, runs);
    build.push(verdict);
    useAgent(slowedBuild(watched.bench === start ? { of: 'start', seconds: value } : { of: 'cpu' }));
    try {
      slowed.push((await verdictOn(watched, raised(baseline, [verdict]), runs, 'slowed to half')).verdict);
    } finally {
      useAgent(BUILD);
    }
  }
  const wrong = faults(build, slowed);
  process.stdout.write(
    wrong.length === 0
      ? 'ok   the guard passes this build and catches the slow one\n'
      : wrong.map((fault) => `FAIL ${fault}\n`).join(''),
  );
  return wrong.length === 0;
}
