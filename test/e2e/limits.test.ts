import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { compileProbe } from '../support/compile.js';

const SINKS = 'sinks: { prom: { type: prometheus } }\nagent: { listen: "127.0.0.1:0" }\n';

describe('limits of the agent', () => {
  let agent: AgentProcess | undefined;
  afterEach(() => agent?.stop());

  it('says and counts that a map has more entries than it reads', async () => {
    const probe = compileProbe(fileURLToPath(new URL('./probes/wide.bpf.c', import.meta.url)));
    agent = await AgentProcess.start(
      `probes: [{ file: ${probe}, name: w, maps: { counter_wide: { interval: 10s, max_series: 100 } } }]\n${SINKS}`,
    );
    const truncated = (): Promise<number> =>
      agent!.sum('bee_agent_map_reads_truncated_total', 'map="counter_wide"');
    await agent.until(async () => (await truncated()) > 0, 20_000);
    expect(await agent.sum('bee_agent_map_entries')).toBe(1_000_000);
    expect(agent.stderr.match(/counter_wide: it has more than 1000000 entries/g)).toHaveLength(1);
  }, 60_000);
});
