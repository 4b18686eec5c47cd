import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../agent.js';
import type { BenchCase } from '../case.js';
import { cpuByThread, cpuSince, privateBytes, sleep } from '../process.js';
import { ROOT, WORK } from '../tools.js';
import { byThread } from './samples.js';

const MEMORY = 'private memory, MiB';
const SECONDS = 30;
/** What V8 compiles and collects after the start is not idling. */
const SETTLE_MS = 40_000;

/** The examples whose events come only when something happens. */
const QUIET = [
  'execsnoop',
  'exitsnoop',
  'opensnoop',
  'tcpstate',
  'sigsnoop',
  'biolatency',
  'runqlat',
  'syscount',
];

export const idle: BenchCase = {
  name: 'idle',
  what: 'eight probes attached to a machine on which nothing happens',
  unit: 'share of a core',
  better: 'lower',
  target: { value: 0.003, most: { [MEMORY]: 120 }, text: 'under 0.3 % of a core, under 120 MiB private' },
  runs: 2,
  async prepare() {
    const store = join(WORK, 'store');
    const there = readdirSync(join(ROOT, 'examples', 'probes'))
      .filter((file) => file.endsWith('.c'))
      .map((file) => file.slice(0, -2));
    const names = [
      ...QUIET.filter((name) => there.includes(name)),
      ...there.filter((name) => !QUIET.includes(name)),
    ].slice(0, 8);
    for (const name of names) {
      execFileSync(process.execPath, [
        join(ROOT, 'dist/bin/bee.js'),
        ...['build', join(ROOT, 'examples', 'probes', `${name}.c`), `localhost/bench/${name}:latest`],
        ...['--storage', store],
      ]);
    }
    const agent = await Agent.start(
      `probes:\n${names.map((name) => `  - { image: "localhost/bench/${name}:latest", pull: never }\n`).join('')}sinks: { out: { type: stdout, format: json }, prom: { type: prometheus } }\nagent: { listen: "127.0.0.1:0", storage: ${store} }\n`,
    );
    await sleep(SETTLE_MS);
    return {
      ours: async () => {
        const before = cpuByThread(agent.pid);
        await sleep(SECONDS * 1000);
        const threads = cpuSince(before, cpuByThread(agent.pid));
        const share = (seconds: number): number => seconds / SECONDS;
        return {
          value: share([...threads.values()].reduce((sum, one) => sum + one, 0)),
          also: {
            probes: names.length,
            [MEMORY]: privateBytes(agent.pid) / 2 ** 20,
            ...byThread(threads, 'share of a core', share),
          },
        };
      },
      reference: { what: 'the target itself', published: 0.003 },
      end: () => agent.end(),
    };
  },
};
