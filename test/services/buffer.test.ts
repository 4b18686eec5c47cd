import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SegmentLog } from '../../core/pipeline/buffer/segment-log.js';
import { EventBatch } from '../../plugins/sdk/index.js';
import { AgentProcess } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { Collector } from './collector.js';
import { Loki } from './loki.js';
import { eventually, pause, type Service } from './service.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Loki answers a query with 5,000 lines at most. */
const SURE = 1000;
const MORE = 3000;
const AFTER = 500;
const KILLS = 3;

/** What a service has of a probe's events: their numbers, in the order in which it gives them. */
interface Destination {
  readonly service: Service;
  /** Whether it shows what came twice, and in the order in which it came. */
  readonly showsRepeats: boolean;
  readonly sink: string;
  numbersOf(probe: string): Promise<number[]>;
}

async function collectorDestination(): Promise<Destination> {
  const collector = await Collector.start();
  return {
    service: collector.service,
    showsRepeats: true,
    sink: `type: otlp, metrics: false, endpoint: "${collector.url}"`,
    numbersOf: async (probe) =>
      collector.logs
        .filter(({ attributes }) => attributes.probe === `Str(${probe})`)
        .map(({ attributes }) => Number(/^Int\((\d+)\)$/.exec(attributes.seq!)![1])),
  };
}

async function lokiDestination(): Promise<Destination> {
  const loki = await Loki.start();
  return {
    service: loki.service,
    showsRepeats: false,
    sink: `type: loki, url: "${loki.url}"`,
    numbersOf: async (probe) =>
      (await loki.query(`{probe="${probe}"}`))
        .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
        .map(({ line }) => (JSON.parse(line) as { data: { seq: number } }).data.seq),
  };
}

describe.each([
  ['a Collector', 'build-collector.sh', Collector.program, collectorDestination, [1, 4]],
  ['Loki', 'build-loki.sh', Loki.program, lokiDestination, [1]],
] as const)(
  'a disk buffer before %s (skipped if %s left none)',
  (_, _script, program, start, concurrencies) => {
    let object: string;
    let trigger: string;
    let destination: Destination | undefined;
    let agent: AgentProcess | undefined;
    let folder: string;
    beforeAll(() => {
      object = compileProbe(here('../e2e/probes/flood.bpf.c'));
      trigger = compileProgram(here('../e2e/probes/trigger.c'));
      folder = mkdtempSync(join(tmpdir(), 'bee-buffer-'));
    });
    afterEach(async () => {
      await agent?.stop();
      await destination?.service.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Numbers of the events of a probe that lie in the buffer, whether it takes them for acknowledged or not. */
    const kept = async (probe: string): Promise<number[]> => {
      const copy = join(folder, 'copy');
      cpSync(join(folder, 'buffer'), copy, {
        recursive: true,
        filter: (path) => !/\/(lock|position)$/.test(path),
      });
      const log = await SegmentLog.open(
        { folder: copy, segmentBytes: 2 ** 20, fsync: 'never' },
        { lost() {}, damaged() {}, failed() {} },
      );
      const numbers: number[] = [];
      for (;;) {
        const found = await log.read(log.next);
        if (!found) break;
        if (found.batch.probe !== probe) continue;
        const view = { forms: ['ndjson', 'rows'], numbers: 'bigint', sink: 'test' } as const;
        const batch = new EventBatch(found.batch, view);
        const seqs = found.batch.ndjson
          ? Buffer.from(batch.ndjson)
              .toString()
              .trimEnd()
              .split('\n')
              .map((line) => (JSON.parse(line) as { data: { seq: number } }).data.seq)
          : [...batch.rows()].map(({ data }) => data.seq);
        numbers.push(...seqs.map(Number));
      }
      await log.close();
      rmSync(copy, { recursive: true });
      return numbers;
    };

    const begin = async (probe: string, more = 'batch: { max_wait: 100ms }'): Promise<AgentProcess> => {
      agent = await AgentProcess.start(`
probes: [{ file: ${object}, name: ${probe}, maps: { counter_groups: { export: none } } }]
sinks:
  kept: { ${destination!.sink}, ${more}, buffer: { path: ${folder}/buffer } }
  prom: { type: prometheus }
agent: { listen: "127.0.0.1:0" }
`);
      return agent;
    };
    const count = (name: string): Promise<number> =>
      agent!.sum(`bee_agent_sink_${name}`, 'sink="kept"', 'map="print_flood"');

    it.skipIf(!program)(
      'keeps what comes while that is down, over kill -9 of the agent; then each event arrives, in order',
      async () => {
        destination = await start();
        await destination.service.kill();
        const first = await begin('first');
        await run(trigger, [String(SURE), '50', '500']);
        await first.until(async () => (await count('queued')) === SURE);
        // What is accepted is on its way to the file; it is there when what came after it is.
        const load = spawn(trigger, [String(MORE), '20', '2000'], { stdio: 'ignore' });
        const over = once(load, 'close');
        await first.until(async () => (await count('queued')) > SURE + 200);
        await pause(Math.random() * 100);
        await first.stop('SIGKILL');
        await over;

        const second = await begin('second');
        const recovered = await count('recovered_total');
        expect(recovered).toBeGreaterThan(SURE);
        expect(recovered).toBeLessThan(SURE + MORE);
        await run(trigger, [String(AFTER), '50', '500']);
        await second.until(async () => (await count('queued')) === recovered + AFTER);
        expect(await second.brokenSums()).toEqual([]);
        await destination.service.start();
        await second.until(async () => (await count('queued')) === 0, 90_000);

        expect(await count('received_total')).toBe(recovered + AFTER);
        expect(await count('delivered_total')).toBe(recovered + AFTER);
        expect(await count('lost_total')).toBe(0);
        expect(await second.brokenSums()).toEqual([]);
        // No hole: what was accepted came in order, from the first on. Nothing was twice: the dead agent delivered none.
        for (const [probe, events] of [
          ['first', recovered],
          ['second', AFTER],
        ] as const) {
          const numbers = await eventually(async () => {
            const now = await destination!.numbersOf(probe);
            return now.length >= events ? now : undefined;
          });
          expect(numbers, probe).toEqual(Array.from({ length: events }, (_unused, i) => i));
        }
      },
      240_000,
    );

    it.skipIf(!program).each(concurrencies)(
      'loses nothing that it accepted while that takes it, over kill -9 under load; with one write at a time repeats only behind a kill (%d)',
      async (concurrency) => {
        destination = await start();
        // Where several are to be on their way at a kill, there must be enough of them.
        const events = concurrency === 1 ? '2' : '20';
        const settings = `batch: { max_wait: 100ms, max_events: 100 }, queue: { concurrency: ${concurrency} }`;
        const accepted: number[][] = [];
        for (let i = 0; i < KILLS; i++) {
          const now = await begin(`run${i}`, settings);
          const load = spawn(trigger, ['20000', events, '2000'], { stdio: 'ignore' });
          await now.until(
            async () => (await now.sum('bee_agent_sink_delivered_total', `probe="run${i}"`)) > 0,
          );
          await pause(Math.random() * 500);
          // Stopped, so that what is in its files is what the kill leaves.
          now.child.kill('SIGSTOP');
          accepted.push(await kept(`run${i}`));
          await now.stop('SIGKILL');
          load.kill();
        }
        const last = await begin('last');
        await last.until(async () => (await count('queued')) === 0, 30_000);
        expect(await count('received_total')).toBe(await count('recovered_total'));
        expect(await count('delivered_total')).toBe(await count('recovered_total'));
        expect(await count('lost_total')).toBe(0);
        expect(await last.brokenSums()).toEqual([]);
        for (const [i, written] of accepted.entries()) {
          const [numbers, got] = await eventually(async () => {
            const found = await destination!.numbersOf(`run${i}`);
            const set = new Set(found);
            return set.size > Math.max(...written) ? ([found, set] as const) : undefined;
          }, 20_000);
          expect(written.filter((seq) => !got.has(seq))).toEqual([]);
          // No hole: what came was accepted in order, from the first on.
          expect(got.size).toBe(Math.max(...numbers) + 1);
          if (!destination.showsRepeats || concurrency > 1) continue;
          const steps = numbers.filter((seq, at) => at > 0 && seq !== numbers[at - 1]! + 1);
          expect(steps.length).toBeLessThanOrEqual(KILLS - i);
        }
      },
      120_000,
    );
  },
);
