import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { type Fault, FaultProxy } from './fault-proxy.js';
import { Loki } from './loki.js';
import { Nginx } from './nginx.js';
import { eventually, pause } from './service.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Events of one fault: of all faults together, Loki gives 5,000 lines at once. */
const EVENTS = 400;

/** A real probe, the agent, a proxy that can hang and reset, nginx, a real Loki: as faults.test.ts for a Collector. */
describe.skipIf(!Loki.program || !Nginx.program)(
  'faults on the way to Loki (build-loki.sh left none, or nginx is not installed: skipped)',
  () => {
    let loki: Loki;
    let nginx: Nginx;
    let proxy: FaultProxy;
    let agent: AgentProcess;
    let trigger: string;
    /** Numbers of the events that Loki is to have, in order. */
    const wanted: number[] = [];
    let lost = 0;
    const pass = (): string => `location / { proxy_pass ${loki.url}; }`;

    beforeAll(async () => {
      trigger = compileProgram(here('../e2e/probes/trigger.c'));
      loki = await Loki.start();
      nginx = await Nginx.start(pass());
      proxy = await FaultProxy.start(nginx.url);
      agent = await AgentProcess.start(`
probes: [{ file: ${compileProbe(here('../e2e/probes/flood.bpf.c'))}, name: flood }]
sinks:
  prom: { type: prometheus }
  file: { type: file, path: events.ndjson }
  loki:
    type: loki
    url: "${proxy.url}"
    queue: { timeout: 3s, retry: { initial: 200ms, max: 2s } }
agent: { listen: "127.0.0.1:0" }
`);
    });
    afterAll(async () => {
      await agent?.stop();
      await proxy?.stop();
      await nginx?.stop();
      await loki?.service.stop();
    });

    /** What the sink met at its last attempt; empty where that succeeded. */
    const failure = async (): Promise<string> => {
      const { sinks } = (await (await fetch(`${agent.url}/readyz`)).json()) as {
        sinks: { name: string; state: string; error?: string }[];
      };
      const sink = sinks.find(({ name }) => name === 'loki');
      return sink?.state === 'retrying' ? (sink.error ?? '') : '';
    };
    const produce = (): Promise<unknown> => run(trigger, [String(EVENTS), '50', '1000']);
    const count = (name: string, ...labels: string[]): Promise<number> =>
      agent.sum(`bee_agent_sink_${name}`, 'sink="loki"', 'map="print_flood"', ...labels);

    /** All is settled, and the sum of each sink holds; Loki has each event once, in the order of the stream. */
    async function settled(arrives = true): Promise<void> {
      const produced = readSlots(agent, 'produced')[1]!;
      await agent.until(async () => (await count('received_total')) === produced, 20_000);
      await agent.until(async () => (await count('queued')) === 0, 60_000);
      expect(await agent.brokenSums()).toEqual([]);
      const now = await count('lost_total');
      expect(now - lost).toBe(arrives ? 0 : EVENTS);
      lost = now;
      if (arrives) for (let seq = produced - EVENTS; seq < produced; seq++) wanted.push(seq);
      const numbers = await eventually(async () => {
        const entries = await loki.query('{probe="flood"}');
        return entries.length >= wanted.length ? entries : undefined;
      });
      expect(
        numbers
          .sort((a, b) => (a.time < b.time ? -1 : 1))
          .map(({ line }) => (JSON.parse(line) as { data: { seq: number } }).data.seq),
      ).toEqual(wanted);
    }

    it('none: each event arrives once, in order', async () => {
      await produce();
      await settled();
    });

    it('a Loki that is killed, and back after ten seconds', async () => {
      await loki.service.kill();
      await produce();
      await pause(10_000);
      await agent.until(async () => (await count('queued')) === EVENTS);
      expect(await agent.brokenSums()).toEqual([]);
      await loki.service.start();
      await settled();
    });

    it.each([
      ['429 with Retry-After', '429', 'add_header Retry-After 2 always; return 429;'],
      ['503', '503', 'return 503;'],
      ['a bad gateway', '502', 'location / { proxy_pass http://127.0.0.1:1; }'],
    ])('%s is tried again', async (_, status, server) => {
      await nginx.become(server);
      await produce();
      await agent.until(async () => (await count('queued')) === EVENTS);
      await agent.until(async () => (await failure()).includes(status));
      expect(await agent.brokenSums()).toEqual([]);
      await nginx.become(pass());
      await settled();
    });

    // What was stored though its answer was lost comes again, at the same times: Loki keeps one of the two.
    it.each<[string, Fault]>([
      ['a connection that hangs', 'hang'],
      ['a reset in the middle of the request', 'reset'],
      ['a reset in the middle of the answer', 'reset-answer'],
    ])('%s', async (_, fault) => {
      proxy.become(fault);
      await produce();
      await agent.until(() => proxy.met > 0, 20_000);
      // Longer than the attempt's time-out.
      await pause(3_500);
      expect(await agent.brokenSums()).toEqual([]);
      proxy.become('none');
      await settled();
    });

    it('400 is for good: counted as lost, and not sent again', async () => {
      await nginx.become('return 400;');
      await produce();
      await settled(false);
      expect(await count('lost_total', 'reason="dropped"')).toBe(EVENTS);
      await nginx.become(pass());
      await produce();
      await settled();
    });

    it('after all of them the other sink has every event', async () => {
      const [, events] = readSlots(agent, 'produced');
      expect(await agent.sum('bee_agent_sink_delivered_total', 'sink="file"')).toBe(events);
      expect(await agent.sum('bee_agent_sink_lost_total', 'sink="file"')).toBe(0);
    });
  },
);
