import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { Endpoint } from '../support/endpoint.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SINK = here('../fixtures/sinks/post.js');
const TOTAL = 30_000;

describe('a sink that is slower than its probe', () => {
  let roomy: string;
  let small: string;
  let trigger: string;
  let endpoint: Endpoint;
  let agent: AgentProcess;
  beforeAll(() => {
    roomy = compileProbe(here('./probes/flood.bpf.c'));
    small = compileProbe(here('./probes/flood.bpf.c'), '-DRING_BYTES=65536');
    trigger = compileProgram(here('./probes/trigger.c'));
  });
  beforeEach(async () => {
    endpoint = await Endpoint.listen();
  });
  afterEach(async () => {
    endpoint.close();
    await agent.stop();
  });

  /** Two probes on the same calls: `flood` goes to the endpoint, `other` to stdout. */
  const start = async (object: string, queue: string): Promise<void> => {
    agent = await AgentProcess.start(`
probes:
  - { file: ${object}, name: flood, sinks: [slow, prom] }
  - { file: ${roomy}, name: other, sinks: [out, prom] }
sinks:
  slow: { type: ${SINK}, url: "${endpoint.url}", queue: ${queue} }
  out: { type: stdout, format: json }
  prom: { type: prometheus }
agent: { listen: "127.0.0.1:0" }
`);
  };

  const flood = (name: string, ...labels: string[]): Promise<number> =>
    agent.sum(name, 'probe="flood"', 'map="print_flood"', ...labels);
  const sink = (name: string): Promise<number> => flood(`bee_agent_sink_${name}`, 'sink="slow"');

  /** Nothing of the other probe is held up. */
  const otherHasAll = async (): Promise<void> => {
    await agent.until(
      async () =>
        (await agent.sum('bee_agent_sink_delivered_total', 'sink="out"', 'map="print_flood"')) === TOTAL,
      30_000,
    );
    await agent.until(() => agent.events.filter((event) => event.probe === 'other').length === TOTAL);
  };

  it('lets the ring fill with when_full: block, and loses nothing itself', async () => {
    let free!: () => void;
    const stuck = new Promise<number>((resolve) => (free = () => resolve(200)));
    endpoint.answer = () => stuck;
    await start(small, '{ max_batches: 2, when_full: block, timeout: 60s }');
    await run(trigger, [String(TOTAL), '50', '500']);
    await otherHasAll();
    const lost = await flood('bee_agent_records_lost_total', 'reason="ring_full"');
    expect(lost).toBeGreaterThan(0);
    expect(await sink('lost_total')).toBe(0);
    endpoint.answer = () => 200;
    free();
    // What the ring holds comes now.
    await agent.until(async () => (await flood('bee_agent_records_received_total')) + lost === TOTAL, 30_000);
    await agent.until(async () => (await sink('queued')) === 0, 30_000);
    const received = await flood('bee_agent_records_received_total');
    expect(await sink('delivered_total')).toBe(received);
    const sequence = endpoint.of('flood');
    expect(sequence.length).toBe(received);
    expect(sequence.every((seq, i) => i === 0 || seq > sequence[i - 1]!)).toBe(true);
    expect(sequence.at(-1)).toBeGreaterThan(0);
  }, 90_000);

  it.each(['drop_oldest', 'drop_newest'])(
    'keeps the sum exact with when_full: %s',
    async (whenFull) => {
      let free!: () => void;
      const stuck = new Promise<number>((resolve) => (free = () => resolve(200)));
      endpoint.answer = () => stuck;
      await start(roomy, `{ max_bytes: 64KiB, when_full: ${whenFull}, timeout: 60s }`);
      await run(trigger, [String(TOTAL), '50', '2000']);
      await otherHasAll();
      const ring = await flood('bee_agent_records_lost_total', 'reason="ring_full"');
      await agent.until(async () => (await flood('bee_agent_records_received_total')) + ring === TOTAL);
      free();
      endpoint.answer = () => 200;
      await agent.until(async () => (await sink('queued')) === 0, 30_000);
      const received = await flood('bee_agent_records_received_total');
      const delivered = await sink('delivered_total');
      expect(await flood('bee_agent_sink_lost_total', 'sink="slow"', 'reason="queue_full"')).toBe(
        received - delivered,
      );
      expect(delivered).toBeLessThan(received);
      const sequence = endpoint.of('flood');
      expect(sequence.length).toBe(delivered);
      expect(sequence.every((seq, i) => i === 0 || seq > sequence[i - 1]!)).toBe(true);
      // The last event is there with the one policy only.
      const last = sequence.at(-1)!;
      const middle = sequence[Math.floor(sequence.length / 2)]!;
      if (whenFull === 'drop_oldest') expect(last).toBeGreaterThan(TOTAL * 0.9);
      else expect(middle).toBeLessThan(TOTAL / 2);
    },
    90_000,
  );
});
