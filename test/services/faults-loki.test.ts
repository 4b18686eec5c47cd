import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from './fault-proxy.js';
import { FaultyWay } from './faulty-way.js';
import { Loki } from './loki.js';
import { Nginx } from './nginx.js';
import { eventually, pause } from './service.js';

/** Events of one fault: of all faults together, Loki gives 5,000 lines at once. */
const EVENTS = 400;
const PUSH = '/loki/api/v1/push';
/** ms: what nginx says. Timers may be a millisecond early. */
const RETRY_AFTER = 2_000 - 2;

/** As faults.test.ts for a Collector: Loki is asked for each event by its number. */
describe.skipIf(!Loki.program || !Nginx.program)(
  'faults on the way to Loki (build-loki.sh left none, or nginx is not installed: skipped)',
  () => {
    let loki: Loki;
    let way: FaultyWay;
    /** Numbers of the events that Loki is to have, in order. */
    const wanted: number[] = [];
    let lost = 0;
    /** Produced when all was settled last. */
    let before = 0;

    beforeAll(async () => {
      loki = await Loki.start();
      way = await FaultyWay.start(
        loki.url,
        EVENTS,
        (url) => `{ type: loki, url: "${url}", queue: { timeout: 3s, retry: { initial: 200ms, max: 2s } } }`,
      );
    });
    afterAll(async () => {
      await way?.stop();
      await loki?.service.stop();
    });

    /** All is settled, and the sum of each sink holds; Loki has each event once, in the order of the stream. */
    async function settled(arrives = true): Promise<void> {
      await way.settled();
      const { produced } = way;
      expect(await way.agent.brokenSums()).toEqual([]);
      const now = await way.count('lost_total');
      expect(now - lost).toBe(arrives ? 0 : produced - before);
      lost = now;
      if (arrives) for (let seq = before; seq < produced; seq++) wanted.push(seq);
      before = produced;
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
      await way.produce();
      await settled();
    });

    it('a Loki that is killed, and back after ten seconds', async () => {
      await loki.service.kill();
      await way.produce();
      await pause(10_000);
      await way.agent.until(async () => (await way.count('queued')) === EVENTS);
      expect(await way.agent.brokenSums()).toEqual([]);
      await loki.service.start();
      await settled();
    });

    it.each([
      ['429 with Retry-After', '429', 'add_header Retry-After 2 always; return 429;'],
      ['503', '503', 'return 503;'],
      ['a bad gateway', '502', 'location / { proxy_pass http://127.0.0.1:1; }'],
    ])('%s is tried again', async (_, status, server) => {
      await way.become(server);
      await way.produce();
      await way.agent.until(async () => (await way.count('queued')) === EVENTS);
      await way.agent.until(async () => (await way.failure()).includes(status));
      expect(await way.agent.brokenSums()).toEqual([]);
      if (server.includes('Retry-After')) {
        await way.agent.until(() => way.gaps(PUSH).length >= 2, 20_000);
        expect(Math.min(...way.gaps(PUSH))).toBeGreaterThanOrEqual(RETRY_AFTER);
      }
      await way.become();
      await settled();
    });

    it('a limit of requests: each event arrives once, at its pace', async () => {
      await way.become(`limit_req zone=slow; limit_req_status 429; location / { ${way.pass} }`);
      for (let i = 0; i < 2; i++) {
        await way.produce();
        await pause(1_200);
      }
      await way.agent.until(async () => (await way.failure()).includes('429'));
      await settled();
      await way.become();
    });

    it('a limit of size: each event arrives once, in smaller pushes', async () => {
      await way.become(`client_max_body_size 2k; location / { ${way.pass} }`);
      await way.produce();
      await settled();
      expect(way.gaps(PUSH).length).toBeGreaterThan(2);
      await way.become();
    });

    // What was stored though its answer was lost comes again, at the same times: Loki keeps one of the two.
    it.each<[string, Fault]>([
      ['a connection that hangs', 'hang'],
      ['a reset in the middle of the request', 'reset'],
      ['a reset in the middle of the answer', 'reset-answer'],
    ])('%s', async (_, fault) => {
      way.proxy.become(fault);
      await way.produce();
      await way.agent.until(() => way.proxy.met > 0, 20_000);
      // Longer than the attempt's time-out.
      await pause(3_500);
      expect(await way.agent.brokenSums()).toEqual([]);
      way.proxy.become('none');
      await settled();
    });

    it('400 is for good: counted as lost, and not sent again', async () => {
      await way.become('return 400;');
      await way.produce();
      await settled(false);
      expect(await way.count('lost_total', 'reason="dropped"')).toBe(EVENTS);
      await way.become();
      await way.produce();
      await settled();
    });

    it('after all of them the other sink has every event', async () => {
      const events = way.produced;
      expect(await way.agent.sum('bee_agent_sink_delivered_total', 'sink="file"')).toBe(events);
      expect(await way.agent.sum('bee_agent_sink_lost_total', 'sink="file"')).toBe(0);
    });
  },
);
