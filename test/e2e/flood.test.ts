import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

function config(object: string, sinks: string): string {
  return `
probes:
  - file: ${object}
    name: flood
sinks:
${sinks}
agent: { listen: "127.0.0.1:0" }
`;
}

const PROM = '  prom: { type: prometheus }';

describe('bee-agent under a flood of records', () => {
  let object: string;
  let small: string;
  let trigger: string;
  let agent: AgentProcess;
  beforeAll(() => {
    object = compileProbe(here('./probes/flood.bpf.c'));
    small = compileProbe(here('./probes/flood.bpf.c'), '-DRING_BYTES=4096');
    trigger = compileProgram(here('./probes/trigger.c'));
  });
  afterEach(() => agent.stop());

  it('delivers each record once, in order, and counts each group right', async () => {
    agent = await AgentProcess.start(config(object, `  out: { type: stdout, format: json }\n${PROM}`));
    await run(trigger, ['200000', '100', '500']);
    const [wanted, events, groups] = readSlots(agent, 'produced');
    expect(wanted).toBe(200_000);
    await agent.until(
      async () => (await agent.sum('bee_agent_records_received_total', 'map="print_flood"')) === events,
    );
    await agent.until(async () => (await agent.sum('ebpf_groups_total')) === groups);
    await agent.until(() => agent.events.length >= events!, 30_000);
    const sequence = agent.events.map((event) => event.data.seq as number);
    expect(sequence.length).toBe(events);
    expect(sequence.every((seq, i) => i === 0 || seq > sequence[i - 1]!)).toBe(true);
    if (groups === wanted) {
      const samples = await agent.metrics();
      const series = [...samples].filter(([name]) => name.startsWith('ebpf_groups_total{'));
      expect(series.length).toBe(1000);
      expect(series.every(([, value]) => value === 200)).toBe(true);
    }
  }, 90_000);

  it('keeps the sum exact when the ring is overrun', async () => {
    agent = await AgentProcess.start(config(small, `  out: { type: stdout, format: json }\n${PROM}`));
    await run(trigger, ['100000', '500', '0']);
    const [wanted, events] = readSlots(agent, 'produced');
    expect(events).toBeLessThan(wanted!);
    await agent.until(
      async () => (await agent.sum('bee_agent_records_received_total', 'map="print_flood"')) === events,
    );
    const lost = await agent.sum('bee_agent_records_lost_total', 'map="print_flood"', 'reason="ring_full"');
    const received = await agent.sum('bee_agent_records_received_total', 'map="print_flood"');
    expect(received + lost).toBe(wanted);
    const groupsLost = await agent.sum(
      'bee_agent_records_lost_total',
      'map="counter_groups"',
      'reason="ring_full"',
    );
    await agent.until(async () => (await agent.sum('ebpf_groups_total')) + groupsLost === wanted);
    await agent.until(
      async () => (await agent.sum('bee_agent_sink_delivered_total', 'sink="out"')) === events,
    );
    expect(agent.events.length).toBe(events);
  }, 60_000);

  it('loses nothing of other sinks when one never answers, and accounts for what that one lost', async () => {
    const stuck = here('../fixtures/sinks/never-answers.js');
    agent = await AgentProcess.start(
      config(
        object,
        `  out: { type: stdout, format: json }\n${PROM}\n  stuck: { type: "${stuck}", queue: { max_batches: 2 } }`,
      ),
    );
    await run(trigger, ['20000', '100', '1000']);
    const [, events] = readSlots(agent, 'produced');
    await agent.until(() => agent.events.length >= events!, 30_000);
    expect(agent.events.length).toBe(events);
    const of = (name: string): Promise<number> => agent.sum(name, 'sink="stuck"', 'map="print_flood"');
    await agent.until(async () => (await of('bee_agent_sink_received_total')) === events);
    const [delivered, lost, queued] = await Promise.all([
      of('bee_agent_sink_delivered_total'),
      of('bee_agent_sink_lost_total'),
      of('bee_agent_sink_queued'),
    ]);
    expect(delivered).toBe(0);
    expect(lost).toBeGreaterThan(0);
    expect(lost + queued).toBe(events);
    const begun = Date.now();
    expect(await agent.stop()).toBe(0);
    expect(Date.now() - begun).toBeLessThan(5000);
  }, 90_000);

  it('starts again after kill -9, and the kernel has forgotten the first', async () => {
    agent = await AgentProcess.start(config(object, PROM));
    await agent.stop('SIGKILL');
    agent = await AgentProcess.start(config(object, PROM));
    await run(trigger, ['1000', '100', '100']);
    await agent.until(
      async () => (await agent.sum('bee_agent_records_received_total', 'map="print_flood"')) === 1000,
    );
    expect(await agent.stop('SIGINT')).toBe(0);
  }, 60_000);
});
