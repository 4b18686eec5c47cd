import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type KernelObject,
  openObject,
  RingOwner,
  type RingPeek,
  RingReader,
} from '../../core/kernel/index.js';
import { compileProbeBytes } from '../support/compile.js';

const SOURCE = fileURLToPath(new URL('./probes/ring.bpf.c', import.meta.url));
const PACKET = new Uint8Array(64);
const ALL = Number.MAX_SAFE_INTEGER;

let bytes: Uint8Array;
let object: KernelObject;
let owner: RingOwner;
let reader: RingReader;
const offsets = new Uint32Array(16384);
const lengths = new Uint32Array(16384);

beforeAll(() => {
  bytes = compileProbeBytes(SOURCE);
});
beforeEach(async () => {
  object = openObject(bytes, { name: 'ring' });
  await object.load();
  open('events');
});
afterEach(() => {
  reader.close();
  owner.close();
  object.close();
});

function open(map: string): void {
  reader?.close();
  owner?.close();
  owner = new RingOwner(object.map(map).fd);
  reader = new RingReader(object.map(map).fd);
}

function make(program: string, repeat: number): Promise<{ retval: number }> {
  return object.testRun(program, { data: PACKET, repeat });
}

function peek(maxBytes = ALL): RingPeek {
  return reader.peek(owner.positions().consumer, offsets, lengths, maxBytes);
}

/** The `seq` of each record that the last peek found. */
function sequence(count: number): number[] {
  const view = new DataView(reader.memory);
  return Array.from({ length: count }, (_, i) => Number(view.getBigUint64(offsets[i]!, true)));
}

describe('RingReader', () => {
  it('shows records where they lie, and releases none', async () => {
    await make('make', 3);
    const found = peek();
    expect(found).toEqual({ count: 3, discarded: 0, shortest: 8, next: 48, producer: 48, busy: false });
    expect(sequence(3)).toEqual([0, 1, 2]);
    expect([...lengths.subarray(0, 3)]).toEqual([8, 8, 8]);
    expect(peek()).toEqual(found);
    expect(owner.positions()).toEqual({ consumer: 0, producer: 48 });
    owner.release(found.next);
    expect(peek()).toMatchObject({ count: 0, shortest: 0xffff_ffff, next: 48, producer: 48 });
  });

  it('skips discarded records and counts them', async () => {
    await make('make', 2);
    await make('make_and_discard', 5);
    await make('make', 1);
    const found = peek();
    expect(found).toMatchObject({ count: 3, discarded: 5, next: 8 * 16 });
    expect(sequence(3)).toEqual([0, 1, 2]);
  });

  it('stops at a record that is reserved and not submitted, and takes it once it is', async () => {
    await make('make', 2);
    const holding = make('hold', 1);
    const deadline = performance.now() + 5000;
    let found = peek();
    while (!found.busy && performance.now() < deadline) found = peek();
    expect(found).toMatchObject({ count: 2, next: 32, producer: 48, busy: true });
    owner.release(32);
    expect(peek()).toMatchObject({ count: 0, next: 32, busy: true });
    await holding;
    expect(peek()).toMatchObject({ count: 1, next: 48, busy: false });
    expect(sequence(1)).toEqual([2]);
  });

  it('shows records that cross the end of the ring in one piece', async () => {
    let expected = 0;
    for (let round = 0; round < 50; round++) {
      await make('make_uneven', 5);
      const found = peek();
      const view = new DataView(reader.memory);
      for (let i = 0; i < found.count; i++) {
        expect(Number(view.getBigUint64(offsets[i]!, true))).toBe(expected);
        expect(lengths[i]).toBe([8, 1001, 20000][expected % 3]);
        expect(offsets[i]! + lengths[i]!).toBeLessThanOrEqual(2 * reader.size);
        expected++;
      }
      owner.release(found.next);
    }
    expect(expected).toBe(250);
  });

  it('keeps to the size of its tables and to maxBytes, but always takes a record', async () => {
    await make('make', 10);
    expect(reader.peek(0, new Uint32Array(4), lengths, ALL)).toMatchObject({ count: 4, next: 64 });
    expect(reader.peek(0, offsets, new Uint32Array(3), ALL)).toMatchObject({ count: 3, next: 48 });
    expect(peek(40)).toMatchObject({ count: 2, next: 32 });
    expect(peek(1)).toMatchObject({ count: 1, next: 16 });
    expect(reader.peek(64, offsets, lengths, ALL)).toMatchObject({ count: 6, next: 160 });
  });

  it('refuses positions at which nothing can begin', async () => {
    await make('make', 2);
    for (const from of [4, 40, 1e9]) {
      expect(() => reader.peek(from, offsets, lengths, ALL)).toThrow(
        expect.objectContaining({ code: 'INVALID' }),
      );
    }
    for (const from of [-8, 0.5, Number.NaN]) {
      expect(() => reader.peek(from, offsets, lengths, ALL)).toThrow(TypeError);
    }
    expect(() => reader.peek(0, new Float64Array(4) as never, lengths, ALL)).toThrow(TypeError);
  });

  it('does not follow a header that lies: a position in the middle of a record is an error, not a crash', async () => {
    // The body of a record of 8 bytes is its sequence number, which is then taken for a header: far too long.
    object.close();
    object = openObject(bytes, { name: 'ring' });
    object.setParam('.rodata', 0, new Uint8Array(new BigUint64Array([0x3fff_fff0n]).buffer));
    await object.load();
    open('events');
    await make('make', 2);
    expect(() => reader.peek(8, offsets, lengths, ALL)).toThrow(/claims 1073741808 bytes/);
  });

  it('is empty after close', async () => {
    await make('make', 1);
    const { memory } = reader;
    expect(memory.byteLength).toBe(2 * reader.size);
    reader.close();
    reader.close();
    expect(memory.byteLength).toBe(0);
    expect(() => peek()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('takes a million records, none missing, none twice, in order, beside the producer', async () => {
    open('big');
    const total = 1_000_000;
    // 16 bytes a record: the ring holds them all, so that none may be refused.
    const making = make('make_big', total);
    let expected = 0;
    let wrong = 0;
    const deadline = performance.now() + 20_000;
    while (expected < total && performance.now() < deadline) {
      const found = peek();
      const words = new BigUint64Array(reader.memory);
      for (let i = 0; i < found.count; i++) if (words[offsets[i]! >> 3] !== BigInt(expected++)) wrong++;
      owner.release(found.next);
      if (found.count === 0) await new Promise((done) => setImmediate(done));
    }
    await making;
    expect({ expected, wrong }).toEqual({ expected: total, wrong: 0 });
    expect(owner.positions()).toEqual({ consumer: 16 * total, producer: 16 * total });
  }, 60_000);
});

describe('RingOwner', () => {
  it('releases forward only, and no further than the producer', async () => {
    await make('make', 3);
    owner.release(16);
    owner.release(16);
    for (const position of [0, 20, 64]) {
      expect(() => owner.release(position)).toThrow(expect.objectContaining({ code: 'INVALID' }));
    }
    expect(() => owner.release(-1)).toThrow(TypeError);
    expect(owner.positions()).toEqual({ consumer: 16, producer: 48 });
  });

  it('outlives the object, for it has a descriptor of its own', async () => {
    await make('make', 1);
    object.close();
    expect(peek()).toMatchObject({ count: 1 });
    owner.close();
    owner.close();
    expect(() => owner.positions()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('takes ring buffers only', () => {
    expect(() => new RingOwner(object.map('.rodata').fd)).toThrow(/no ring buffer/);
    expect(() => new RingOwner(0)).toThrow(/no BPF map/);
    expect(() => new RingReader(99_999)).toThrow(/EBADF/);
  });
});
