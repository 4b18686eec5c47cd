import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIsolatedSink, type Outlet } from '../../../core/pipeline/index.js';
import type { SinkDefinition } from '../../../plugins/sdk/index.js';
import { isThere } from '../../support/is-there.js';
import { batchOf, emptyMetrics, Host, numberOf, totals } from './outlet-host.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/sinks/isolated/${name}`, import.meta.url));

async function isolatedBy(
  isolation: 'process' | 'thread',
  name: string,
  raw: unknown = {},
): Promise<{ definition: SinkDefinition<unknown>; options: unknown }> {
  const source = { module: fixture(name), resolveFrom: fixture(name), name: 'mine' };
  const definition = await createIsolatedSink(source, isolation);
  const result = await definition.options['~standard'].validate(raw);
  if (result.issues) throw new Error(JSON.stringify(result.issues));
  return { definition, options: result.value };
}

async function until(condition: () => boolean, host: Host): Promise<void> {
  const end = Date.now() + 40_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`timed out: ${host.lines.join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The message of a thread, and of a process where it has another one. */
type Way = [how: string, message: RegExp, restarts: number, ofProcess?: RegExp];

/** Node cannot always tell before it crashes. */
const OUT_OF_MEMORY = /it ran out of memory|it crashed \(SIG\w+\), .* or because it had no memory left/;
const OUT_OF_HEAP = new RegExp(`it used more than 256 MiB of heap|${OUT_OF_MEMORY.source}`);

/** What would end the agent if it happened in a thread of it. */
const ONLY_PROCESS: Way[] = [
  ['segv', /it crashed \(SIGSEGV\), most likely in native code/, 1],
  ['abort', /it crashed \(SIGABRT\), most likely in native code/, 1],
  ['killed', /it was killed \(SIGKILL\), perhaps by the kernel/, 1],
  ['one array', /it ran out of memory: a sink may have 512 MiB of heap at once, and 1024 MiB in all/, 1],
  // It waits while it prints more than anybody can read.
  ['prints', /did not react to its signal/, 1],
  // The kernel gives it no more, and it throws.
  ['all buffers', /cannot deliver: Array buffer allocation failed/, 0],
  ['small buffers', OUT_OF_MEMORY, 1],
  ['noise', /what came through its channel is no message: Unable to deserialize/, 1],
  ['long', /what came through its channel is no message: a message of 4294967299 bytes/, 1],
  ['forged', /it sent what is no message/, 1],
  ['hangup', /the sink's worker is gone: it (was killed|ended)/, 1],
  ['helper', /it ended its own process, with code 7/, 1],
];

describe.each(['process', 'thread'] as const)('a sink in a %s of its own', (isolation) => {
  const isolated = (name: string, raw?: unknown) => isolatedBy(isolation, name, raw);
  let folder: string;
  let host: Host;
  let outlets: Outlet[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bee-isolated-'));
    host = new Host();
    outlets = [];
  });
  afterEach(async () => {
    await Promise.all(outlets.map((outlet) => outlet.stop(3_000)));
  });
  const started = (outlet: Outlet): Outlet => {
    outlets.push(outlet);
    outlet.start();
    return outlet;
  };

  it.each<Way>([
    ['spin', /no answer within 3000 ms, and it did not react to its signal/, 1],
    ['exit', /it ended its own (thread|process), with code 3/, 1],
    ['timer', /thrown from a timer \(.*misbehaves.js:\d+\)/, 1],
    ['rejection', /rejected and forgotten \(.*misbehaves.js:\d+\)/, 1],
    [
      'memory',
      /it used more than 1024 MiB of heap at once/,
      1,
      /it ran out of memory: a sink may have 512 MiB/,
    ],
    ['push', /it used more than 256 MiB of heap/, 1, OUT_OF_HEAP],
    ['set', /it used more than 256 MiB of heap/, 1, OUT_OF_HEAP],
    ['string', /it used more than 256 MiB of heap/, 1, OUT_OF_HEAP],
    ['buffers', /it kept more than 256 MiB in buffers/, 1],
    ['never', /did not react to its signal/, 1],
    ['throw', /cannot deliver: plain throw/, 0],
    ['throw null', /cannot deliver: null/, 0],
    ['long story', /cannot deliver: e{2000}…$/m, 0],
    ['function', /write\(\) answered \[Function.*no object/, 0],
    ['rubbish', /write\(\) answered \{ status: 'fine' \}: unknown status/, 0],
    ['parent', /cannot deliver: posted rubbish/, 0],
    ...(isolation === 'process' ? ONLY_PROCESS : []),
  ])(
    'that misbehaves (%s) is replaced where it must be, and every batch arrives, in order',
    async (how, ofThread, restarts, ofProcess = ofThread) => {
      const options = { how, out: join(folder, 'out'), marker: join(folder, 'marker') };
      const outlet = started(
        host.outlet(
          {},
          {
            ...(await isolated('misbehaves.js', options)),
            timeout: /memory|push|set|string|buffers|array/.test(how) ? 30_000 : 3_000,
          },
        ),
      );
      const other = new Host();
      const bystander = started(other.outlet({ write: async () => ({ status: 'ok' }) }));
      const batches = Array.from({ length: 30 }, (_, i) => batchOf(2, i === 10 ? { map: 'bad' } : {}));
      for (const batch of batches) outlet.offer(batch);
      await until(() => existsSync(options.marker), host);
      // While it misbehaves, the others go on.
      for (const batch of batches) bystander.offer(batch);
      await until(() => totals(bystander).delivered === 60, other);
      if (how === 'spin') expect(totals(outlet).queued).toBeGreaterThan(0);
      await until(() => totals(outlet).queued === 0, host);
      expect(totals(outlet)).toEqual({ received: 60, delivered: 60, queued: 0, lost: {} });
      await outlet.stop(3_000);
      const numbers = batches.flatMap((batch) => Array(2).fill(numberOf(batch as never)));
      expect(readFileSync(options.out, 'utf8')).toBe(`${numbers.join('\n')}\nclosed\n`);
      expect(host.lines.join('\n')).toMatch(isolation === 'process' ? ofProcess : ofThread);
      expect(host.counters.get('restarts_total')).toBe(restarts);
      expect(host.counters.get('errors_total')).toBe(1);
      expect(host.counters.get('bytes_total')).toBe(readFileSync(options.out).byteLength - 'closed\n'.length);
      expect(other.counters.get('errors_total') ?? 0).toBe(0);
      if (how === 'helper') {
        const helper = /helper (\d+)/.exec(host.lines.join('\n'))?.[1];
        await until(() => !isThere(Number(helper)), host);
      }
    },
    60_000,
  );

  it.runIf(isolation === 'process')(
    'is replaced when it has lost the file that batches come in',
    async () => {
      const options = { how: 'other', out: join(folder, 'out'), marker: join(folder, 'marker') };
      const outlet = started(host.outlet({}, await isolated('misbehaves.js', options)));
      const batches = [batchOf(1, { map: 'bad' }), batchOf(2), batchOf(3)];
      for (const batch of batches) outlet.offer(batch);
      await until(() => totals(outlet).queued === 0, host);
      expect(totals(outlet)).toEqual({ received: 6, delivered: 6, queued: 0, lost: {} });
      await outlet.stop(3_000);
      const numbers = batches.flatMap((batch, i) => Array(i + 1).fill(numberOf(batch as never)));
      expect(readFileSync(options.out, 'utf8')).toBe(`${numbers.join('\n')}\nclosed\n`);
      expect(host.lines.join('\n')).toContain('a batch cannot be read: descriptor 3 is another file now');
      expect(host.counters.get('restarts_total')).toBe(1);
    },
  );

  it('may make much garbage, of which only what it keeps counts', async () => {
    const options = { how: 'garbage', out: join(folder, 'out'), marker: join(folder, 'marker') };
    const outlet = started(
      host.outlet({}, { ...(await isolated('misbehaves.js', options)), timeout: 20_000 }),
    );
    outlet.offer(batchOf(1, { map: 'bad' }));
    await until(() => totals(outlet).queued === 0, host);
    expect(totals(outlet).delivered).toBe(1);
    expect(host.counters.get('restarts_total')).toBe(0);
    expect(host.counters.get('errors_total') ?? 0).toBe(0);
  });

  it('may drop 300 MiB of buffers a write, of which only what it keeps counts', async () => {
    const options = { how: 'litter', out: join(folder, 'out'), marker: join(folder, 'marker') };
    const outlet = started(
      host.outlet({}, { ...(await isolated('misbehaves.js', options)), timeout: 20_000 }),
    );
    for (let i = 0; i < 5; i++) outlet.offer(batchOf());
    await until(() => totals(outlet).queued === 0, host);
    expect(totals(outlet).delivered).toBe(5);
    expect(host.counters.get('restarts_total')).toBe(0);
  });

  it('goes on with a batch in parts where its last attempt ended', async () => {
    const outlet = started(host.outlet({}, await isolated('parts.js')));
    outlet.offer(batchOf(4, { map: 'a' }));
    outlet.offer(batchOf(2, { map: 'b' }));
    await until(() => totals(outlet).queued === 0, host);
    expect(totals(outlet)).toEqual({ received: 6, delivered: 6, queued: 0, lost: {} });
    const sent = host.lines.flatMap((line) => /^info: ([ab] .*)/.exec(line)?.[1] ?? []);
    expect(sent).toEqual(['a 0-4', 'a 0-2', 'a 2-4', 'a 2-4', 'b 0-2']);
  });

  it('that keeps its batches is replaced long before the machine has no memory, and every batch counts', async () => {
    const options = { how: 'keep', out: '/dev/null', marker: join(folder, 'marker') };
    const outlet = started(
      host.outlet({}, { ...(await isolated('misbehaves.js', options)), maxBytes: 2 ** 25 }),
    );
    const big = 2 ** 23;
    const ndjson = new Uint8Array(big).fill(32);
    ndjson[big - 1] = 10;
    let offered = 0;
    for (; offered < 80 && !host.counters.get('restarts_total'); offered++) {
      outlet.offer(batchOf(1, { ndjson, lineEnds: Uint32Array.of(big) }));
      await until(() => totals(outlet).queued === 0, host);
    }
    expect(host.counters.get('restarts_total')).toBe(1);
    expect(offered * big).toBeGreaterThan(2 ** 28);
    expect(host.lines.join('\n')).toContain('it kept more than 256 MiB in buffers');
    expect(totals(outlet)).toEqual({ received: offered, delivered: offered, queued: 0, lost: {} });
  });

  it('may have a hundred metrics, and is told once of more; its questions for metrics are put together', async () => {
    let asked = 0;
    host.collect = async () => {
      asked++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return emptyMetrics();
    };
    const outlet = started(host.outlet({}, await isolated('asks.js')));
    for (let i = 0; i < 3; i++) outlet.offer(batchOf());
    await until(() => totals(outlet).delivered === 3, host);
    expect(asked).toBe(3);
    expect(outlet.hold.seconds).toBeGreaterThan(0);
    const names = [...host.counters.keys()].filter((name) => name.startsWith('status_'));
    expect(names.length).toBe(100);
    expect(host.counters.get('status_0_total')).toBe(6);
    expect(host.lines.filter((line) => line.includes('telemetry'))).toEqual([
      'warn: telemetry: "status_100_total" and what comes after it is left out: a sink may have 100 metrics',
    ]);
  });

  it.each([
    ['issues', 'the options were valid before, and are not now: not any more'],
    ['throws', 'thrown from the schema'],
  ])('that takes its options no more (%s) leaves none behind', async (how, message) => {
    const options = { how, marker: join(folder, 'marker'), pulse: join(folder, 'pulse') };
    const outlet = started(host.outlet({}, { ...(await isolated('fickle.js', options)), maxElapsed: 2_500 }));
    outlet.offer(batchOf());
    await until(() => totals(outlet).lost.expired === 1, host);
    expect(host.lines.join('\n')).toContain(message);
    await outlet.stop(1_000);
    const beats = readFileSync(options.pulse, 'utf8').length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(readFileSync(options.pulse, 'utf8').length).toBe(beats);
  });

  it('sends what a sink prints to its log, and no more of it than anybody can read', async () => {
    const outlet = started(host.outlet({}, await isolated('talks.js')));
    await until(() => outlet.state === 'up', host);
    expect(outlet.reopen()).toBe(true);
    await until(() => host.lines.includes('info: opened anew'), host);
    outlet.offer(batchOf());
    const printed = [
      'info: at import',
      'info: to standard output',
      'info: half a line, the other half',
      'warn: to standard error',
    ];
    await until(() => printed.every((line) => host.lines.includes(line)), host);
    expect(host.lines).toContain('debug: to the log');
    expect(host.lines.filter((line) => line.includes('flood')).length).toBeLessThanOrEqual(150);
  });

  it('is scraped across the boundary, and counts as restarted when that kills it', async () => {
    const { definition, options } = await isolated('scraped.js', { every: 7, path: '/x' });
    // What cannot cross stays in the worker.
    expect(options).toMatchObject({ every: 7, path: '/x' });
    expect(options).not.toHaveProperty('format');
    expect((definition.interval as (o: unknown) => number)(options)).toBe(7);
    host.collect = async () => emptyMetrics(42n);
    const outlet = started(host.outlet({}, { definition, options }));
    await until(() => outlet.state === 'up', host);
    const ask = (path: string, init?: RequestInit) => outlet.fetch!(new Request(`http://agent${path}`, init));
    const response = await ask('/x?q=1', { headers: { accept: 'text/x' } });
    expect([response.status, response.headers.get('x-seen')]).toEqual([201, 'text/x']);
    expect(await response.text()).toBe('<GET 1 42>');
    expect((await ask('/empty')).status).toBe(204);
    await expect(ask('/throw')).rejects.toThrow('no such page');
    await expect(ask('/text')).rejects.toThrow('fetch() gave no Response');
    await expect(ask('/crash')).rejects.toThrow(/own (thread|process), with code 1/);
    await until(() => host.lines.some((line) => line.startsWith('error: ')), host);
    // It died within its first second: not at once again.
    const soon = await ask('/x?q=2');
    expect([201, 503]).toContain(soon.status);
    for (let status = 503; status === 503; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      status = (await ask('/x?q=3')).status;
    }
    expect(host.counters.get('restarts_total')).toBe(1);
  });

  it('is started ever more rarely when it dies of being started', async () => {
    const { definition, options } = await isolated('scraped.js', { every: 1 });
    const outlet = started(host.outlet({}, { definition, options }));
    await until(() => outlet.state === 'up', host);
    const crash = async () =>
      (await outlet.fetch!(new Request('http://agent/crash')).catch(() => ({ status: 0 }))).status;
    const statuses: number[] = [];
    const end = Date.now() + 2_000;
    while (Date.now() < end) {
      statuses.push(await crash());
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(statuses.filter((status) => status === 0).length).toBeLessThanOrEqual(3);
    expect(statuses).toContain(503);
  });

  it('that dies while nothing is asked of it is told at once, and replaced without a batch that asks for it', async () => {
    const log = join(folder, 'lives');
    const outlet = started(host.outlet({}, await isolated('dies-idle.js', { log, again: 1 })));
    outlet.offer(batchOf());
    await until(() => totals(outlet).delivered === 1, host);
    await until(() => outlet.state === 'retrying', host);
    expect(outlet.error).toMatch(/worker is gone: it ended its own (thread|process), with code 4/);
    expect(outlet.circuit).toMatchObject({ state: 'half_open', failures: 1 });
    expect(host.counters.get('errors_total')).toBe(1);
    // The second life is as short; the third stays.
    await until(() => host.counters.get('errors_total') === 2, host);
    await until(() => outlet.state === 'up' && readFileSync(log, 'utf8') === 'ooo', host);
    expect(outlet.error).toBeUndefined();
    expect(host.counters.get('restarts_total')).toBe(2);
    expect(host.lines).toContain('info: delivers again');
    outlet.offer(batchOf());
    await until(() => totals(outlet).delivered === 2, host);
    expect(totals(outlet)).toEqual({ received: 2, delivered: 2, queued: 0, lost: {} });
  });

  it('opens its files anew also where that is asked while it is being replaced', async () => {
    const [log, go] = [join(folder, 'lives'), join(folder, 'go')];
    const outlet = started(host.outlet({}, await isolated('dies-idle.js', { log, again: 0, go })));
    outlet.offer(batchOf());
    await until(() => existsSync(log) && readFileSync(log, 'utf8') === 'oo', host);
    expect(outlet.reopen()).toBe(true);
    writeFileSync(go, '');
    await until(() => host.lines.includes('info: opened anew'), host);
    expect(host.lines.filter((line) => line.includes('reopen'))).toEqual([]);
  });

  it('that is dead and idle does not hold up the end', async () => {
    const log = join(folder, 'lives');
    const outlet = started(host.outlet({}, await isolated('dies-idle.js', { log, again: 9 })));
    outlet.offer(batchOf());
    await until(() => outlet.state === 'retrying', host);
    await outlet.stop(3_000);
    const opened = readFileSync(log, 'utf8').length;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(readFileSync(log, 'utf8').length).toBe(opened);
  });

  it('passes the contract suite like any other', async () => {
    const { testSink } = await import('../../../plugins/sdk/index.js');
    const source = fileURLToPath(new URL('../../fixtures/sinks/sound-default.js', import.meta.url));
    await testSink(
      await createIsolatedSink({ module: source, resolveFrom: source, name: 'mine' }, isolation),
    );
  });
});
