import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KernelObject, MapReader, type MapSnapshot, openObject } from '../../core/kernel/index.js';
import { compileProbeBytes } from '../support/compile.js';

const SOURCE = fileURLToPath(new URL('./probes/tables.bpf.c', import.meta.url));
const PACKET = new Uint8Array(64);
const ENTRIES = 1000;
/** The probe fills the slots of so many CPUs. */
const CPUS = 2;

let object: KernelObject;
beforeAll(async () => {
  object = openObject(compileProbeBytes(SOURCE), { name: 'tables' });
  await object.load();
  await object.testRun('fill', { data: PACKET, repeat: ENTRIES });
});
afterAll(() => object.close());

function withReader<T>(map: string, body: (reader: MapReader) => T): T {
  const reader = new MapReader(object.map(map).fd);
  try {
    return body(reader);
  } finally {
    reader.close();
  }
}

/** Checks every byte of every entry; returns the keys. */
function check(reader: MapReader, { bytes, count }: MapSnapshot): number[] {
  const view = new DataView(bytes);
  const keys: number[] = [];
  for (let entry = 0; entry < count; entry++) {
    const at = entry * reader.stride;
    const key = view.getUint32(at, true);
    keys.push(key);
    if (reader.keySize === 6) expect(view.getUint32(at + 4, true)).toBe(0x0000_ee00);
    else expect(view.getUint32(at + 4, true)).toBe(0);
    for (let cpu = 0; cpu < Math.min(CPUS, reader.valuesPerKey); cpu++) {
      const value = at + 8 + 16 * cpu;
      const words = [0, 4, 8, 12].map((offset) => view.getUint32(value + offset, true));
      expect(words).toEqual([1000 * key + cpu, cpu, ~key >>> 0, 0]);
    }
  }
  return keys.sort((a, b) => a - b);
}

const everyKey = Array.from({ length: ENTRIES }, (_, i) => i);

describe('MapReader', () => {
  it.each(['hash', 'lru_hash', 'array', 'percpu_hash', 'percpu_array', 'lru_percpu_hash'])(
    'reads a %s whole',
    (map) => {
      withReader(map, (reader) => {
        expect(reader.keySize).toBe(map.endsWith('array') ? 4 : 6);
        expect(reader.valueSize).toBe(12);
        expect(reader.stride).toBe(8 + 16 * reader.valuesPerKey);
        expect(reader.valuesPerKey > 1).toBe(map.includes('percpu'));
        const first = reader.read({ maxEntries: 1_000_000 });
        expect(first).toMatchObject({ count: ENTRIES, truncated: false });
        expect(check(reader, first)).toEqual(everyKey);
        // Again, into the same memory.
        const second = reader.read({ maxEntries: 1_000_000 });
        expect(second.bytes).toBe(first.bytes);
        expect(check(reader, second)).toEqual(everyKey);
      });
    },
  );

  it('stops at maxEntries and says so', () => {
    for (const map of ['hash', 'array', 'percpu_hash']) {
      withReader(map, (reader) => {
        expect(reader.read({ maxEntries: 10 })).toMatchObject({ count: 10, truncated: true });
        expect(reader.read({ maxEntries: 0 })).toMatchObject({ count: 0, truncated: true });
        expect(reader.read({ maxEntries: ENTRIES })).toMatchObject({ count: ENTRIES, truncated: false });
      });
    }
  });

  it('reads an empty map', () => {
    withReader('empty', (reader) =>
      expect(reader.read({ maxEntries: 10 })).toMatchObject({ count: 0, truncated: false }),
    );
  });

  it('refuses maps that have no entries to read', () => {
    expect(() => new MapReader(object.map('stack').fd)).toThrow(expect.objectContaining({ code: 'INVALID' }));
    expect(() => new MapReader(99_999)).toThrow(/EBADF/);
  });

  it('gives no entry twice and none torn while keys come and go', async () => {
    const churning = object.testRun('churn', { data: PACKET, repeat: 3_000_000 });
    let reads = 0;
    let done = false;
    void churning.then(() => {
      done = true;
    });
    withReader('hash', (reader) => {
      const stop = performance.now() + 500;
      while (performance.now() < stop) {
        const keys = check(reader, reader.read({ maxEntries: 10_000 }));
        expect(new Set(keys).size).toBe(keys.length);
        // Those that never go are always there.
        expect(keys.filter((key) => key % 3 === 0).length).toBe(Math.ceil(ENTRIES / 3));
        reads++;
      }
    });
    await churning;
    expect(done).toBe(true);
    expect(reads).toBeGreaterThan(3);
  });

  it('reads a hundred thousand entries', async () => {
    const entries = 100_000;
    const large = openObject(compileProbeBytes(SOURCE, `-DENTRIES=${entries}`), { name: 'large' });
    await large.load();
    await large.testRun('fill', { data: PACKET, repeat: entries });
    for (const map of ['hash', 'percpu_hash', 'array']) {
      const reader = new MapReader(large.map(map).fd);
      const { bytes, count } = reader.read({ maxEntries: 1_000_000 });
      expect(count).toBe(entries);
      const view = new DataView(bytes);
      const seen = new Uint8Array(entries);
      for (let i = 0; i < count; i++) {
        const key = view.getUint32(i * reader.stride, true);
        seen[key] = 1;
        if (view.getUint32(i * reader.stride + 8, true) !== (1000 * key) >>> 0)
          throw new Error(`value of ${key}`);
      }
      expect(seen.every(Boolean)).toBe(true);
      reader.close();
    }
    large.close();
  }, 60_000);

  it('is closed once and for all', () => {
    const reader = new MapReader(object.map('hash').fd);
    reader.close();
    reader.close();
    expect(() => reader.read({ maxEntries: 1 })).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
