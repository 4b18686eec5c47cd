import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSlots } from '../support/agent.js';
import { Collector } from './collector.js';
import type { Fault } from './fault-proxy.js';
import { FaultyWay } from './faulty-way.js';
import { Nginx } from './nginx.js';
import { pause } from './service.js';

/** Events of one fault. */
const EVENTS = 1500;
/** ms: what nginx says. Timers may be a millisecond early. */
const RETRY_AFTER = 3_000 - 2;

/** Every fault is met while events come, and ends; then the Collector is asked for each event by its number. */
describe.skipIf(!Collector.program || !Nginx.program)(
  'faults on the way to a Collector (build-collector.sh left none, or nginx is not installed: skipped)',
  () => {
    let collector: Collector;
    let way: FaultyWay;
    /** What the events were numbered with at the end of the last fault. */
    let seen = 0;
    /** In the ledger, by now. */
    let lost = 0;
    let twice = 0;

    beforeAll(async () => {
      collector = await Collector.start();
      way = await FaultyWay.start(
        collector.url,
        EVENTS,
        (url) => `{ type: otlp, endpoint: "${url}", metrics: false, queue: { timeout: 4s } }`,
        (url) => `points: { type: otlp, endpoint: "${url}", logs: false, interval: 1s }`,
      );
    });
    afterAll(async () => {
      await way?.stop();
      await collector?.service.stop();
    });

    /** Sequence numbers that the Collector has, from `seen` on; those that it has twice are counted. */
    function arrived(): Set<number> {
      const numbers = new Set<number>();
      const { logs } = collector;
      for (const [i, { attributes }] of logs.entries()) {
        const text = /^Int\((\d+)\)$/.exec(attributes.seq ?? '');
        // What the Collector is writing right now is not all here yet.
        if (!text && i === logs.length - 1) break;
        const seq = Number(text![1]);
        if (seq < seen) continue;
        if (numbers.has(seq)) twice++;
        numbers.add(seq);
      }
      return numbers;
    }

    /** The sum of the design, with nothing on its way. */
    async function settled(): Promise<{ received: number; delivered: number; lost: number }> {
      await way.settled();
      const [received, delivered, all] = await Promise.all([
        way.count('received_total'),
        way.count('delivered_total'),
        way.count('lost_total'),
      ]);
      expect(received).toBe(way.produced);
      expect(received).toBe(delivered + all);
      // And that of every other sink, on their way or not.
      expect(await way.agent.brokenSums()).toEqual([]);
      return { received, delivered, lost: all };
    }

    /** Every event since the last fault has arrived, each once (`again`: an answer was lost, so that one may come twice). */
    async function nothingLost(again = false): Promise<void> {
      const { received, lost: now } = await settled();
      expect(now).toBe(lost);
      twice = 0;
      let numbers = arrived();
      await way.agent.until(() => {
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
      await way.produce();
      await nothingLost();
      expect(seen).toBe(EVENTS);
    });

    it('a Collector that is killed, and back after a minute', async () => {
      await collector.service.kill();
      const end = Date.now() + 60_000;
      let rounds = 0;
      while (Date.now() < end) {
        await way.produce();
        rounds++;
        await pause(10_000);
      }
      await way.agent.until(async () => (await way.count('queued')) === rounds * EVENTS);
      await collector.service.start();
      await nothingLost();
    }, 240_000);

    it.each([
      ['429 with Retry-After', '429', 'add_header Retry-After 3 always; return 429;'],
      ['503', '503', 'return 503;'],
      ['a bad gateway', '502', 'location / { proxy_pass http://127.0.0.1:1; }'],
    ])('%s is tried again', async (_, status, server) => {
      await way.become(server);
      await way.produce();
      await way.agent.until(async () => (await way.count('queued')) === EVENTS);
      expect(await way.agent.brokenSums()).toEqual([]);
      await way.agent.until(async () => (await way.failure()).includes(status));
      if (server.includes('Retry-After')) {
        await way.agent.until(() => way.gaps('/v1/logs').length >= 2, 20_000);
        expect(Math.min(...way.gaps('/v1/logs'))).toBeGreaterThanOrEqual(RETRY_AFTER);
      }
      await way.become();
      await nothingLost();
    });

    it('a limit of requests: each event arrives once, at its pace', async () => {
      await way.become(
        `location / { ${way.pass} } location /v1/logs { limit_req zone=slow; limit_req_status 429; ${way.pass} }`,
      );
      for (let i = 0; i < 3; i++) {
        await way.produce();
        await pause(1_200);
      }
      await way.agent.until(async () => (await way.failure()).includes('429'));
      await nothingLost();
      await way.become();
    });

    it('a limit of size: each event arrives once, in smaller requests', async () => {
      await way.become(`client_max_body_size 4k; location / { ${way.pass} }`);
      await way.produce();
      await nothingLost();
      expect(way.gaps('/v1/logs').length).toBeGreaterThan(2);
      await way.become();
    });

    it.each<[string, Fault, boolean]>([
      ['a connection that hangs', 'hang', false],
      ['a reset in the middle of the request', 'reset', false],
      ['a reset in the middle of the answer', 'reset-answer', true],
    ])('%s', async (_, fault, again) => {
      way.proxy.become(fault);
      await way.produce();
      await way.agent.until(() => (again ? arrived().size : way.proxy.met) > 0, 20_000);
      // Longer than the attempt's time-out.
      await pause(4_500);
      way.proxy.become('none');
      await nothingLost(again);
    });

    it('400 is for good: counted as lost, and not sent again', async () => {
      await way.become('return 400;');
      await way.produce();
      const { received, lost: now } = await settled();
      expect(now - lost).toBe(EVENTS);
      expect(await way.count('lost_total', 'reason="dropped"')).toBe(EVENTS);
      await way.become();
      await pause(2_000);
      expect(arrived().size).toBe(0);
      seen = received;
      lost = now;
      await way.produce();
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
      way.proxy.become('none', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const before = await way.count('delivered_total');
      await way.produce();
      const { received, delivered, lost: now } = await settled();
      expect(requests).toBeGreaterThan(0);
      expect(now - lost).toBe(requests * 3);
      expect(await way.count('lost_total', 'reason="rejected"')).toBe(requests * 3);
      expect(delivered - before).toBe(EVENTS - requests * 3);
      way.proxy.become('none', way.nginx.url);
      server.closeAllConnections();
      server.close();
      seen = received;
      lost = now;
      await way.produce();
      await nothingLost();
    });

    it('after all of them counters stand where the probe counted, and the other sink has every event', async () => {
      const [, events, groups] = readSlots(way.agent, 'produced');
      await way.agent.until(() => {
        const last = new Map<string, number>();
        for (const { metric, attributes, fields } of collector.points)
          if (metric.Name === 'ebpf_groups_total') last.set(attributes.group!, Number(fields.Value));
        return [...last.values()].reduce((a, b) => a + b, 0) === groups;
      }, 20_000);
      expect(await way.agent.sum('bee_agent_sink_delivered_total', 'sink="file"')).toBe(events);
      expect(await way.agent.sum('bee_agent_sink_lost_total', 'sink="file"')).toBe(0);
    });
  },
);
