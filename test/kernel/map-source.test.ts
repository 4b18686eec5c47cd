import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ObjectSpec, parseObject } from '../../core/bpf/index.js';
import { DecodePool, entryLayout, MapSource } from '../../core/decode/index.js';
import { clockOffsets, type KernelObject, openObject } from '../../core/kernel/index.js';
import { compileProbeBytes } from '../support/compile.js';

const SOURCE = fileURLToPath(new URL('./probes/tables.bpf.c', import.meta.url));
const ENTRIES = 1000;

let program: Uint8Array;
let spec: ObjectSpec;
beforeAll(() => {
  program = compileProbeBytes(SOURCE);
  spec = parseObject(program);
});

let object: KernelObject;
let pool: DecodePool;
let sources: MapSource[] = [];
beforeEach(async () => {
  object = openObject(program, { name: 'tables' });
  await object.load();
  await object.testRun('fill', { data: new Uint8Array(64), repeat: ENTRIES });
  pool = new DecodePool(1);
});
afterEach(async () => {
  await Promise.all(sources.map((source) => source.close(2000)));
  sources = [];
  await pool.close();
  object.close();
});

/** A source of `map`, and what its reads brought. `broken`: its layout leads outside memory, and its decoder throws. */
async function open(map: string, { interval = 60_000, broken = false, onDemand = false } = {}) {
  const seen = { entries: [] as number[], lines: [] as number[], retries: 0 };
  const { key, value } = spec.maps.find((one) => one.name === map)!;
  const layout = entryLayout(key!, value!);
  const { root } = layout;
  if (root.kind !== 'struct') throw new Error('an entry is a struct');
  const outside = root.members.map((member) => ({ ...member, offset: member.offset + (1 << 29) }));
  const source = new MapSource(pool, {
    id: 1000 + sources.length,
    maxEntries: 1024,
    fd: object.map(map).fd,
    interval,
    onDemand,
    plan: {
      probe: 'tables',
      map,
      record: broken ? { ...layout, root: { ...root, members: outside } } : layout,
      source: 'entry',
      labels: {},
      ndjson: true,
      columns: 'none',
      ...(broken
        ? {
            group: {
              kind: 'histogram',
              labels: [],
              values: [['value', 'low']],
              bucket: ['value', 'high'],
              maxSeries: 10,
            },
          }
        : {}),
    },
    tail: 0,
    changes: false,
    clock: clockOffsets,
    followed: () => false,
    onBatch: ({ entries, output }) => {
      seen.entries.push(entries);
      seen.lines.push(Buffer.from(output.ndjson ?? []).filter((byte) => byte === 10).length);
    },
    onRetry: () => seen.retries++,
  });
  sources.push(source);
  await source.open();
  return { source, seen };
}

const readAll = () => Promise.all(sources.map((source) => source.read()));

describe('MapSource', () => {
  it('reads maps together, each whole, in as many goes as their number asks for', async () => {
    const opened = [];
    for (let i = 0; i < 40; i++) opened.push(await open(i % 2 ? 'hash' : 'array'));
    await readAll();
    await readAll();
    for (const { seen } of opened)
      expect(seen).toEqual({ entries: [ENTRIES, ENTRIES], lines: [ENTRIES, ENTRIES], retries: 0 });
  });

  it('holds no other map up when one cannot be decoded', async () => {
    const before = await open('hash');
    const broken = await open('hash', { broken: true });
    const after = await open('array');
    await readAll();
    expect(broken.seen).toMatchObject({ entries: [], retries: 3 });
    for (const { seen } of [before, after]) expect(seen).toMatchObject({ entries: [ENTRIES], retries: 0 });
  });

  it('reads on when its worker died', async () => {
    const opened = [await open('hash'), await open('array'), await open('percpu_hash')];
    await readAll();
    // Some of these reads are under way when it dies.
    const read = readAll();
    await opened[0]!.source.killWorker();
    await read;
    await readAll();
    expect(pool.restarts).toBe(1);
    for (const { seen } of opened) {
      expect(seen.entries.length).toBeGreaterThanOrEqual(2);
      expect(new Set(seen.entries)).toEqual(new Set([ENTRIES]));
      expect(new Set(seen.lines)).toEqual(new Set([ENTRIES]));
    }
  });

  it('reads by itself each interval, until it is closed', async () => {
    const { source, seen } = await open('array', { interval: 50 });
    source.start();
    while (seen.entries.length < 3) await new Promise((done) => setTimeout(done, 10));
    await source.close(2000);
    const { length } = seen.entries;
    await new Promise((done) => setTimeout(done, 200));
    expect(seen.entries.length).toBe(length);
  });

  it('reads on demand when it is asked, and not before its interval has passed', async () => {
    const { source, seen } = await open('array', { interval: 300, onDemand: true });
    source.start();
    await source.refresh()?.done;
    expect(seen.entries).toEqual([ENTRIES]);
    expect(source.refresh()).toBeUndefined();
    await new Promise((done) => setTimeout(done, 700));
    expect(seen.entries.length).toBe(1);
    // Who asks meanwhile waits for the same read.
    await Promise.all([source.refresh()?.done, source.refresh()?.done, source.refresh()?.done]);
    expect(seen.entries.length).toBe(2);
    await source.close(2000);
    expect(seen.entries.length).toBe(3);
    expect(source.refresh()).toBeUndefined();
  });

  it('reads a map by itself that is large: whoever asks would wait for it', async () => {
    const large = compileProbeBytes(SOURCE, '-DENTRIES=20000');
    object.close();
    object = openObject(large, { name: 'tables' });
    await object.load();
    await object.testRun('fill', { data: new Uint8Array(64), repeat: 20_000 });
    const { source, seen } = await open('hash', { interval: 100, onDemand: true });
    source.start();
    while (seen.entries.length < 3) await new Promise((done) => setTimeout(done, 10));
    expect(seen.entries[2]).toBe(20_000);
    expect(source.refresh()).toBeUndefined();
  });
});
