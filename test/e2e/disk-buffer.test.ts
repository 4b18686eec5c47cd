import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { Endpoint } from '../support/endpoint.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SINK = here('../fixtures/sinks/post.js');
/** Fits into the ring, so that the ring loses none. */
const TOTAL = 40_000;

describe('a sink with a disk buffer', () => {
  let object: string;
  let trigger: string;
  let endpoint: Endpoint;
  let folder: string;
  let agent: AgentProcess;
  beforeAll(() => {
    object = compileProbe(here('./probes/flood.bpf.c'));
    trigger = compileProgram(here('./probes/trigger.c'));
  });
  beforeEach(async () => {
    endpoint = await Endpoint.listen();
    folder = mkdtempSync(join(tmpdir(), 'bee-disk-'));
  });
  afterEach(async () => {
    endpoint.close();
    await agent.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  const start = async (probe: string, more = '', queue = '{}'): Promise<void> => {
    agent = await AgentProcess.start(`
probes: [{ file: ${object}, name: ${probe} }]
sinks:
  post: { type: ${SINK}, url: "${endpoint.url}", isolate: false, queue: ${queue}, buffer: { path: ${folder}/b${more} } }
  prom: { type: prometheus }
agent: { listen: "127.0.0.1:0" }
`);
  };
  const sink = (name: string, ...labels: string[]): Promise<number> =>
    agent.sum(`bee_agent_sink_${name}`, 'sink="post"', 'map="print_flood"', ...labels);

  /** Numbers of the events of a probe that lie in the buffer's files, found by their text. */
  const onDisk = (probe: string): Set<number> => {
    const text = readdirSync(join(folder, 'b'))
      .filter((name) => name.endsWith('.seg'))
      .map((name) => readFileSync(join(folder, 'b', name), 'latin1'))
      .join('');
    const lines = text.matchAll(new RegExp(`"probe":"${probe}".*?"seq":(\\d+)[,}].*?\\n`, 'g'));
    return new Set([...lines].map((match) => Number(match[1])));
  };

  it.each([1, 4])(
    'loses nothing that it accepted, however often it is killed, and with one write at a time keeps the order (%d)',
    async (concurrency) => {
      const runs = 5;
      const written = new Map<string, Set<number>>();
      // Slow, and now and then broken.
      endpoint.answer = async () => {
        await sleep(Math.random() * 30);
        return Math.random() < 0.1 ? 503 : 200;
      };
      for (let i = 0; i < runs; i++) {
        const probe = `run${i}`;
        await start(probe, ', max_size: 64MiB', `{ timeout: 5s, concurrency: ${concurrency} }`);
        const load = spawn(trigger, [String(TOTAL), '20', '500'], { stdio: 'ignore' });
        await agent.until(() => endpoint.of(probe).length > 0);
        await sleep(Math.random() * 700);
        agent.child.kill('SIGSTOP');
        for (let of = 0; of <= i; of++) {
          const known = written.get(`run${of}`) ?? new Set();
          for (const seq of onDisk(`run${of}`)) known.add(seq);
          written.set(`run${of}`, known);
        }
        await agent.stop('SIGKILL');
        load.kill();
      }
      endpoint.answer = () => 200;
      await start('last');
      const recovered = await sink('recovered_total');
      await agent.until(async () => (await sink('queued')) === 0, 30_000);
      expect(await sink('delivered_total', 'probe="run')).toBe(recovered);
      expect(await sink('received_total', 'probe="run')).toBe(recovered);
      expect(await sink('lost_total')).toBe(0);
      expect(await agent.brokenSums()).toEqual([]);
      let all = 0;
      for (let i = 0; i < runs; i++) {
        const sequence = endpoint.of(`run${i}`);
        const got = new Set(sequence);
        const missing = [...written.get(`run${i}`)!].filter((seq) => !got.has(seq));
        expect(missing).toEqual([]);
        // No hole: what came was accepted in order, from the first on.
        expect(got.size).toBe(Math.max(...sequence) + 1);
        all += got.size;
        // Each kill may begin the rest anew, and nothing else does.
        const steps = sequence.filter((seq, at) => at > 0 && seq !== sequence[at - 1]! + 1);
        if (concurrency === 1) expect(steps.length).toBeLessThanOrEqual(runs - i);
      }
      expect(all).toBeGreaterThan(runs * 100);
    },
    180_000,
  );

  it('keeps what a dead destination did not take over a stop, and delivers it first', async () => {
    endpoint.answer = () => 503;
    await start('flood');
    await run(trigger, ['5000', '50', '500']);
    await agent.until(async () => (await sink('queued')) === 5000);
    await agent.until(() => onDisk('flood').size === 5000);
    const readyz = await fetch(`${agent.url}/readyz`);
    expect(readyz.status).toBe(200);
    const { sinks } = (await readyz.json()) as { sinks: { name: string; circuit: { state: string } }[] };
    expect(sinks.find(({ name }) => name === 'post')?.circuit.state).toMatch(/^(half_)?open$/);
    expect(await agent.sum('bee_agent_sink_circuit', 'sink="post"', 'state="closed"')).toBe(0);
    expect(await agent.stop()).toBe(0);
    expect(agent.stderr).toMatch(/5000 events stay in the disk buffer/);
    endpoint.answer = () => 200;
    await start('flood');
    expect(await sink('recovered_total')).toBe(5000);
    await run(trigger, ['1000', '50', '500']);
    await agent.until(async () => (await sink('delivered_total')) === 6000, 20_000);
    expect(endpoint.of('flood')).toEqual([
      ...Array.from({ length: 5000 }, (_, i) => i),
      ...Array.from({ length: 1000 }, (_, i) => i),
    ]);
    expect(await sink('received_total')).toBe(6000);
    expect(await agent.stop()).toBe(0);
  }, 90_000);

  it.each(['drop_newest', 'drop_oldest'])(
    'counts exactly what does not fit into max_size: %s',
    async (whenFull) => {
      endpoint.answer = () => 503;
      await start('flood', ', max_size: 1MiB', `{ when_full: ${whenFull} }`);
      await run(trigger, [String(TOTAL), '50', '2000']);
      await agent.until(async () => (await sink('received_total')) === TOTAL, 30_000);
      const [lost, queued] = [await sink('lost_total', 'reason="buffer_full"'), await sink('queued')];
      expect(lost).toBeGreaterThan(0);
      expect(lost + queued).toBe(TOTAL);
      endpoint.answer = () => 200;
      await agent.until(async () => (await sink('queued')) === 0, 60_000);
      const delivered = await sink('delivered_total');
      expect(delivered + (await sink('lost_total'))).toBe(TOTAL);
      expect(await agent.brokenSums()).toEqual([]);
      const sequence = endpoint.of('flood');
      expect(sequence.length).toBe(delivered);
      expect(sequence.every((seq, i) => i === 0 || seq > sequence[i - 1]!)).toBe(true);
      // Where the newest are lost a small batch may still find room at the end: which half is lost tells them apart.
      const kept = new Set(sequence);
      const missing = Array.from({ length: TOTAL }, (_, seq) => seq).filter((seq) => !kept.has(seq));
      const mean = missing.reduce((a, b) => a + b, 0) / missing.length;
      expect(mean > TOTAL / 2).toBe(whenFull === 'drop_newest');
      if (whenFull === 'drop_oldest') expect(kept.has(TOTAL - 1)).toBe(true);
    },
    120_000,
  );

  it('does not start on a buffer that another agent has, and says whose it is', async () => {
    await start('flood');
    const first = agent;
    await start('flood');
    const second = agent;
    agent = first;
    await second.until(() => second.child.exitCode !== null);
    expect(second.child.exitCode).toBe(1);
    expect(second.stderr).toContain(`is in use by process ${first.child.pid}`);
  }, 60_000);
});
