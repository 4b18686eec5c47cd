import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Looks at every byte of a text of 1020, eight times: one drain is then a second's work. */
const FILTER = `${'text contains "ab" || '.repeat(8)}kind == 1`;
/** As many as the ring holds, nearly; 4 MiB of them, a drain, are 4063. */
const RECORDS = 15_000;
const DRAIN = 4100;

let agent: AgentProcess | undefined;
afterAll(() => agent?.stop());

it('a scrape is answered while a worker is in the middle of a drain', async () => {
  agent = await AgentProcess.start(`
probes:
  - file: ${compileProbe(here('./probes/slow.bpf.c'))}
    maps: { counter_slow: { labels: [kind], filter: '${FILTER}' } }
sinks: { prom: { type: prometheus } }
agent: { listen: "127.0.0.1:0", workers: 1 }
`);
  await run(compileProgram(here('./probes/trigger.c')), [String(RECORDS), '500', '0']);
  const [produced] = readSlots(agent, 'produced');
  expect(produced).toBe(RECORDS);
  // What was received, as each scrape after the other shows it, until all is.
  const shown: number[] = [];
  while (shown.at(-1) !== produced)
    shown.push(await agent.sum('bee_agent_records_received_total', 'map="counter_slow"'));
  expect(shown.every((count, i) => i === 0 || count >= shown[i - 1]!)).toBe(true);
  // Between two drains of a ring that is this full the worker does not rest: answers that show the same count were
  // given within one drain. If scrapes waited for drains, no two would.
  const within = new Map<number, number>();
  for (const count of shown)
    if (count > 0 && produced! - count > DRAIN) within.set(count, (within.get(count) ?? 0) + 1);
  expect(within.size).toBeGreaterThan(0);
  expect(Math.max(...within.values())).toBeGreaterThanOrEqual(3);
  expect(await agent.sum('ebpf_slow_total')).toBe(produced);
}, 120_000);
