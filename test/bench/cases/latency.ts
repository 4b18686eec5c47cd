import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentMain } from '../agent.js';
import type { BenchCase, Sample } from '../case.js';
import { Child, sleep } from '../process.js';
import { probe, program, WORK } from '../tools.js';

const TICKS = 10_000;
/** What the first second says of an agent that just began is left out, and shown apart until V8 has compiled what is hot. */
const FIRST = 1_000;
const SETTLED = 5_000;
const P99 = 'p99, µs';
const EARLY = 'from the second to the fifth second: median, µs';
const EARLY_P99 = 'from the second to the fifth second: p99, µs';

interface Delays {
  readonly median: number;
  readonly p99: number;
}

/** Time from the record in the kernel to its line at the end of a pipe. */
async function delays(child: Child): Promise<Sample> {
  const stopwatch = spawn(program('stopwatch'), [TICKS, FIRST, SETTLED].map(String), {
    stdio: [child.process.stdout, 'pipe', 'inherit'],
  });
  let text = '';
  stopwatch.stdout!.on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((done) => stopwatch.once('close', done));
  // Never read here: it would hold the child's end for ever.
  child.process.stdout!.destroy();
  await child.end();
  if (!text) throw new Error(`not all of ${TICKS} ticks came`);
  const { early, settled } = JSON.parse(text) as { early: Delays; settled: Delays };
  return {
    value: settled.median / 1000,
    also: { [P99]: settled.p99 / 1000, [EARLY]: early.median / 1000, [EARLY_P99]: early.p99 / 1000 },
  };
}

async function ours(): Promise<Sample> {
  const config = join(WORK, 'latency.yaml');
  writeFileSync(
    config,
    `probes: [{ file: ${probe('tick')}, name: tick }]\nsinks: { out: { type: stdout, format: json } }\nagent: { listen: "127.0.0.1:0" }\n`,
    { mode: 0o600 },
  );
  const child = Child.spawn(process.execPath, [agentMain(), '--config', config], {
    stdout: 'pipe',
  });
  await child.until(() => child.stderr.includes('running:'));
  await sleep(300);
  return delays(child);
}

async function reference(): Promise<Sample> {
  const child = Child.spawn(program('consumer'), ['latency', probe('tick')], { stdout: 'pipe' });
  await child.until(() => child.stderr.includes('ready'));
  await sleep(300);
  return delays(child);
}

/** Runs of both that `latency` made and `latency-p99` has not shown yet: what is measured is the same. */
const [oursMeasured, theirsMeasured]: [Sample[], Sample[]] = [[], []];

async function kept(samples: Sample[], measured: Promise<Sample>): Promise<Sample> {
  const sample = await measured;
  samples.push(sample);
  return sample;
}

export const latency: BenchCase = {
  name: 'latency',
  what: 'one record a millisecond, after five seconds: submit in the kernel → its line read from stdout, median',
  unit: 'µs',
  better: 'lower',
  target: { value: 300, text: 'median under 300 µs' },
  prepare: async () => ({
    ours: () => kept(oursMeasured, ours()),
    reference: {
      what: 'C on libbpf that prints a line a record',
      measure: () => kept(theirsMeasured, reference()),
    },
  }),
};

export const latencyTail: BenchCase = {
  name: 'latency-p99',
  what: 'the same, 99th percentile',
  unit: 'µs',
  better: 'lower',
  target: { ratio: 1, text: 'under 3 ms, or twice C in the same run' },
  prepare: async () => ({
    async ours() {
      const { also } = oursMeasured.shift() ?? (await ours());
      return { value: also?.[P99] ?? Number.NaN };
    },
    reference: {
      what: '3 ms, or twice C in the same run where that is more',
      async measure() {
        const { also } = theirsMeasured.shift() ?? (await reference());
        const c = also?.[P99] ?? Number.NaN;
        return { value: Math.max(3000, 2 * c), also: { 'C, p99 µs': c } };
      },
    },
  }),
};
