import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { Collector } from './collector.js';
import { type Fault, FaultProxy } from './fault-proxy.js';
import { Nginx } from './nginx.js';
import { pause } from './service.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Events of one fault. */
const EVENTS = 1500;

/**
 * The way of every event: a real probe, the agent, a proxy that can hang and reset, nginx, a real Collector. Every
 * fault is met while events come, and ends; then the Collector is asked for each event by its number.
 */
describe.skipIf(!Collector.program || !Nginx.program)(
  'faults on the way to a Collector (build-collector.sh left none, or nginx is not installed: skipped)',
  () => {
    let collector: Collector;
    let nginx: Nginx;
    let proxy: FaultProxy;
    let agent: AgentProcess;
    let trigger: string;
    /** What the events were numbered with at the end of the last fault. */
    let seen = 0;
    /** In the ledger, by now. */
    let lost = 0;
    let twice = 0;
    const pass = (): string => `location / { proxy_pass ${collector.url}; }`;

    beforeAll(async () => {
      trigger = compileProgram(here('../e2e/probes/trigger.c'));
      collector = await Collector.start();
      nginx = await Nginx.start(pass());
      proxy = await FaultProxy.start(nginx.url);
      agent = await AgentProcess.start(`
probes:
  - file: ${compileProbe(here('../e2e/probes/flood.bpf.c'))}
    name: flood
sinks:
  prom: { type: prometheus }
  file: { type: file, path: events.ndjson }
  otlp: { type: otlp, endpoint: "${proxy.url}", metrics: false, queue: { timeout: 4s } }
  points: { type: otlp, endpoint: "${proxy.url}", logs: false, interval: 1s }
agent: { listen: "127.0.0.1:0" }
`);
    });
    afterAll(async () => {
      await agent?.stop();
      await proxy?.stop();
      await nginx?.stop();
      await collector?.service.stop();
    });

    /** What the sink met at its last attempt; empty where that succeeded. */
    const failure = async (): Promise<string> => {
      const { sinks } = (await (await fetch(`${agent.url}/readyz`)).json()) as {
        sinks: { name: string; state: string; error?: string }[];
      };
      const sink = sinks.find(({ name }) => name === 'otlp');
      return sink?.state === 'retrying' ? (sink.error ?? '') : '';
    };
    const produce = (): Promise<unknown> => run(trigger, [String(EVENTS), '50', '1000']);
    const count = (name: string, ...labels: string[]): Promise<number> =>
      agent.sum(`bee_agent_sink_${name}`, 'sink="otlp"', 'map="print_flood"', ...labels);

    /** Sequence numbers that the Collector has, from `seen` on; those that it has twice are counted. */
    function arrived(): Set<number> {
      const numbers = new Set<number>();
      for (const { attributes } of collector.logs) {
        const seq = Number(/^Int\((\d+)\)$/.exec(attributes.seq!)![1]);
        if (seq < seen) continue;
        if (numbers.has(seq)) twice++;
        numbers.add(seq);
      }
      return numbers;
    }

    /** The sum of the design, with nothing on its way. */
    async function settled(): Promise<{ received: number; delivered: number; lost: number }> {
      const produced = readSlots(agent, 'produced')[1]!;
      await agent.until(async () => (await count('received_total')) === produced, 20_000);
      await agent.until(async () => (await count('queued')) === 0, 60_000);
      const [received, delivered, all] = await Promise.all([
        count('received_total'),
        count('delivered_total'),
        count('lost_total'),
      ]);
      expect(received).toBe(produced);
      expect(received).toBe(delivered + all);
      // And that of every other sink, on their way or not.
      expect(await agent.brokenSums()).toEqual([]);
      return { received, delivered, lost: all };
    }

    /** Every event since the last fault has arrived, each once (`again`: an answer was lost, so that one may come twice). */
    async function nothingLost(again = false): Promise<void> {
      const { received, lost: now } = await settled();
      expect(now).toBe(lost);
      twice = 0;
      let numbers = arrived();
      await agent.until(() => {
        twice = 0;
        numbers = arrived();
        return numbers.size >= received - seen;
      }, 20_000);
      expect(numbers.size).toBe(received - seen);
      if (again) expect(twice).toBeGreaterThan(0);
      else expect(twice).toBe(0);
      seen = received;
    }

    it('none: each event arrives once', async () => {
      await produce();
      await nothingLost();
      expect(seen).toBe(EVENTS);
    });

    it('a Collector that is killed, and back after a minute', async () => {
      await collector.service.kill();
      const end = Date.now() + 60_000;
      let rounds = 0;
      while (Date.now() < end) {
        await produce();
        rounds++;
        await pause(10_000);
      }
      await agent.until(async () => (await count('queued')) === rounds * EVENTS);
      await collector.service.start();
      await nothingLost();
    }, 240_000);

    it.each([
      ['429 with Retry-After', '429', 'add_header Retry-After 3 always; return 429;'],
      ['503', '503', 'return 503;'],
      ['a bad gateway', '502', 'location / { proxy_pass http://127.0.0.1:1; }'],
    ])('%s is tried again', async (_, status, server) => {
      await nginx.become(server);
      await produce();
      await agent.until(async () => (await count('queued')) === EVENTS);
      expect(await agent.brokenSums()).toEqual([]);
      await agent.until(async () => (await failure()).includes(status));
      await nginx.become(pass());
      await nothingLost();
    });

    it.each<[string, Fault, boolean]>([
      ['a connection that hangs', 'hang', false],
      ['a reset in the middle of the request', 'reset', false],
      ['a reset in the middle of the answer', 'reset-answer', true],
    ])('%s', async (_, fault, again) => {
      proxy.become(fault);
      await produce();
      await agent.until(() => (again ? arrived().size : proxy.met) > 0, 20_000);
      // Longer than the attempt's time-out.
      await pause(4_500);
      proxy.become('none');
      await nothingLost(again);
    });

    it('400 is for good: counted as lost, and not sent again', async () => {
      await nginx.become('return 400;');
      await produce();
      const { received, lost: now } = await settled();
      expect(now - lost).toBe(EVENTS);
      expect(await count('lost_total', 'reason="dropped"')).toBe(EVENTS);
      await nginx.become(pass());
      await pause(2_000);
      expect(arrived().size).toBe(0);
      seen = received;
      lost = now;
      await produce();
      await nothingLost();
    });

    // The Collector rejects nothing in part. The answer is that of the specification ("Partial Success"), JSON aside:
    // ExportLogsServiceResponse { partial_success: { rejected_log_records: 3, error_message: "old" } }.
    it('what a partial success rejects is counted, and not sent again', async () => {
      let requests = 0;
      const server: Server = createServer((request, response) => {
        request.resume().on('end', () => {
          requests += request.url === '/v1/logs' ? 1 : 0;
          const body = Buffer.from([0x0a, 0x07, 0x08, 0x03, 0x12, 0x03, 0x6f, 0x6c, 0x64]);
          response.writeHead(200, { 'content-type': 'application/x-protobuf' });
          response.end(request.url === '/v1/logs' ? body : undefined);
        });
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      proxy.become('none', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const before = await count('delivered_total');
      await produce();
      const { received, delivered, lost: now } = await settled();
      expect(requests).toBeGreaterThan(0);
      expect(now - lost).toBe(requests * 3);
      expect(await count('lost_total', 'reason="rejected"')).toBe(requests * 3);
      expect(delivered - before).toBe(EVENTS - requests * 3);
      proxy.become('none', nginx.url);
      server.closeAllConnections();
      server.close();
      seen = received;
      lost = now;
      await produce();
      await nothingLost();
    });

    it('after all of them counters stand where the probe counted, and the other sink has every event', async () => {
      const [, events, groups] = readSlots(agent, 'produced');
      await agent.until(() => {
        const last = new Map<string, number>();
        for (const { metric, attributes, fields } of collector.points)
          if (metric.Name === 'ebpf_groups_total') last.set(attributes.group!, Number(fields.Value));
        return [...last.values()].reduce((a, b) => a + b, 0) === groups;
      }, 20_000);
      expect(await agent.sum('bee_agent_sink_delivered_total', 'sink="file"')).toBe(events);
      expect(await agent.sum('bee_agent_sink_lost_total', 'sink="file"')).toBe(0);
    });
  },
);
