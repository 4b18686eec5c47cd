import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Layout, parseObject } from '../../core/bpf/index.js';
import { DecodePool, type DrainResult, RingSource } from '../../core/decode/index.js';
import {
  clockOffsets,
  type KernelObject,
  MapReader,
  openObject,
  RingWatcher,
} from '../../core/kernel/index.js';
import { compileProbeBytes } from '../support/compile.js';

const SOURCE = fileURLToPath(new URL('./probes/seq.bpf.c', import.meta.url));
/** As the probe has it. */
const RING_BYTES = 1 << 20;
const PACKET = new Uint8Array(64);

/** One ring, drained as the agent does, with its events collected as numbers. */
class Rig {
  readonly sequence: number[] = [];
  /** Sizes of buffers seen. */
  readonly buffers = new Set<number>();
  discarded = 0;
  retries = 0;
  skipped = 0;
  /** Records that the close left. */
  left = 0;
  /** Hand the buffer of each batch back, as the agent does when every sink has it. */
  reuses = false;
  /** Until this resolves nothing is drained. */
  hold: Promise<void> | undefined;
  source!: RingSource;

  private constructor(
    readonly object: KernelObject,
    readonly pool: DecodePool,
    readonly watcher: RingWatcher,
  ) {}

  /** `cpuAt`: where the decoder looks for `cpu`. */
  static async start(program: Uint8Array, cpuAt?: number): Promise<Rig> {
    const spec = parseObject(program);
    const object = openObject(program, { name: 'seq' });
    await object.load();
    const rig = new Rig(object, new DecodePool(1), new RingWatcher());
    const map = spec.maps.find((one) => one.name === 'print_seq')!;
    rig.source = new RingSource(rig.pool, rig.watcher, {
      fd: object.map('print_seq').fd,
      plan: {
        probe: 'seq',
        map: 'print_seq',
        record: cpuAt === undefined ? map.value! : moved(map.value!, cpuAt),
        source: 'ring',
        labels: {},
        ndjson: true,
        columns: 'none',
      },
      tail: 1000,
      clock: clockOffsets,
      followed: () => false,
      room: () => rig.hold,
      onBatch: (result) => rig.take(result),
      onSkipped: () => rig.skipped++,
      onRetry: () => rig.retries++,
      onLeft: ({ records }) => {
        rig.left += records;
      },
    });
    await rig.source.open();
    return rig;
  }

  private take(result: DrainResult): void {
    this.discarded += result.discarded;
    const text = Buffer.from(result.output.ndjson ?? []).toString();
    for (const match of text.matchAll(/"seq":(\d+)/g)) this.sequence.push(Number(match[1]));
    const { ndjson } = result.output;
    if (this.reuses && ndjson && ndjson.byteLength > 0) {
      // What is read of it after this is wrong, and would show.
      ndjson.fill(0x58);
      this.buffers.add(ndjson.buffer.byteLength);
      this.source.reuse({ ndjson });
    }
  }

  make(program: string, repeat: number): Promise<unknown> {
    return this.object.testRun(program, { data: PACKET, repeat });
  }

  /** What the probe itself counted. */
  produced(): { wanted: number; refused: number } {
    const reader = new MapReader(this.object.map('produced').fd);
    const { bytes } = reader.read({ maxEntries: 2 });
    const view = new DataView(bytes);
    const result = {
      wanted: Number(view.getBigUint64(8, true)),
      refused: Number(view.getBigUint64(reader.stride + 8, true)),
    };
    reader.close();
    return result;
  }

  async settled(count: number): Promise<void> {
    for (let i = 0; i < 400 && this.sequence.length < count; i++)
      await new Promise((done) => setTimeout(done, 25));
  }

  async close(): Promise<void> {
    await this.source.close(2000);
    await this.pool.close();
    this.watcher.close();
    this.object.close();
  }
}

/** `record` with its field `cpu` at `offset`, at odd ones outside memory for some records: then the decoder throws. */
function moved(record: Layout, offset: number): Layout {
  const { root } = record;
  if (root.kind !== 'struct') throw new Error('a record is a struct');
  const members = root.members.map((member) => (member.name === 'cpu' ? { ...member, offset } : member));
  return { ...record, root: { ...root, members } };
}

describe('RingSource on a real ring', () => {
  let program: Uint8Array;
  let rig: Rig;
  beforeAll(() => {
    program = compileProbeBytes(SOURCE);
  });
  afterEach(() => rig.close());
  afterAll(() => {});

  it('delivers a million records, none missing, none twice, in order', async () => {
    rig = await Rig.start(program);
    // Chunks that fit the ring, so that nothing can be refused.
    for (let made = 0; made < 1_000_000; made += 10_000) {
      await rig.make('make', 10_000);
      await rig.settled(made + 10_000);
    }
    const { wanted, refused } = rig.produced();
    expect({ wanted, refused }).toEqual({ wanted: 1_000_000, refused: 0 });
    expect(rig.sequence.length).toBe(1_000_000);
    expect(rig.sequence.every((seq, i) => seq === i)).toBe(true);
  }, 120_000);

  it('writes lines to buffers that come back, and mixes none', async () => {
    rig = await Rig.start(program);
    rig.reuses = true;
    let made = 0;
    for (const count of [10_000, 1, 7_000, 3, 10_000, 10_000, 64, 10_000, 1]) {
      await rig.make('make', count);
      made += count;
      await rig.settled(made);
    }
    for (let i = 0; i < 30; i++) {
      await rig.make('make', 10_000);
      made += 10_000;
      await rig.settled(made);
    }
    expect(rig.sequence.length).toBe(made);
    expect(rig.sequence.every((seq, i) => seq === i)).toBe(true);
    // Far fewer than the drains: they are the same ones again.
    expect(rig.buffers.size).toBeLessThan(25);
  }, 60_000);

  it('naps over no record that was there when a drain ended at its limit', async () => {
    rig = await Rig.start(program);
    const { source, watcher } = rig;
    let release!: () => void;
    rig.hold = new Promise((resolve) => {
      release = resolve;
    });
    // Three drains of a quarter of the ring, which is enough for naps from then on, and less than an eighth.
    const count = 22_200;
    await rig.make('make', count);
    const slept: number[] = [];
    const nap = watcher.nap.bind(watcher);
    watcher.nap = (...call) => {
      const { producer, consumer } = source.owner.positions();
      slept.push(producer - consumer);
      nap(...call);
    };
    rig.hold = undefined;
    release();
    await rig.settled(count);
    await new Promise((done) => setTimeout(done, 100));
    expect(rig.sequence.length).toBe(count);
    expect(slept.length).toBeGreaterThan(0);
    expect(slept.every((bytes) => bytes === 0)).toBe(true);
  });

  it('keeps order and tail while small drains on the main thread and large ones in the worker take turns', async () => {
    rig = await Rig.start(program);
    let made = 0;
    for (let round = 0; round < 18; round++) {
      for (const count of [1, 3, 900, 1, 30, 4000]) {
        await rig.make('make', count);
        made += count;
        // Sometimes the next burst comes before the last is drained.
        if (round % 3 === 0) await rig.settled(made);
        else if (round % 3 === 1) await new Promise((done) => setImmediate(done));
      }
    }
    await rig.settled(made);
    expect(rig.produced()).toEqual({ wanted: made, refused: 0 });
    expect(rig.sequence.length).toBe(made);
    expect(rig.sequence.every((seq, i) => seq === i)).toBe(true);
    // Each 4,000 records are more than it takes, and the lone ones are not.
    expect(rig.source.smallDrains.count).toBeGreaterThan(6);
    const before = rig.source.smallDrains.count;
    rig.pool.allowance.spend(1e9);
    for (let i = 0; i < 5; i++) {
      await rig.make('make', 1);
      await rig.settled(++made);
    }
    expect(rig.source.smallDrains.count).toBe(before);
    rig.pool.allowance.spend(-1e9);
    for (let i = 0; i < 5; i++) {
      await rig.make('make', 1);
      await rig.settled(++made);
    }
    expect(rig.source.smallDrains.count).toBeGreaterThan(before);
    const { ndjson, count } = await rig.source.tail(500);
    const shown = [
      ...Buffer.from(ndjson)
        .toString()
        .matchAll(/"seq":(\d+)/g),
    ].map(([, seq]) => Number(seq));
    expect(count).toBe(500);
    expect(shown).toEqual(Array.from({ length: 500 }, (_, i) => made - 500 + i));
  }, 60_000);

  it('leaves a record that its decoder throws at in a small drain to the worker, which skips and counts it', async () => {
    rig = await Rig.start(program, 1e9 + 1);
    for (let i = 1; i <= 3; i++) {
      await rig.make('make', 1);
      await expect.poll(() => rig.skipped, { timeout: 5000 }).toBe(i);
    }
    expect(rig.sequence).toEqual([]);
    expect(rig.source.smallDrains).toEqual({ count: 0, failures: 1 });
    // Twice each, by the worker.
    expect(rig.retries).toBeGreaterThanOrEqual(6);
  });

  it('accounts for a ring that is overrun', async () => {
    rig = await Rig.start(program);
    await rig.make('make', 500_000);
    const { wanted, refused } = rig.produced();
    await rig.settled(wanted - refused);
    expect(refused).toBeGreaterThan(0);
    expect(rig.sequence.length + refused).toBe(wanted);
    expect(rig.sequence.every((seq, i) => i === 0 || seq > rig.sequence[i - 1]!)).toBe(true);
  });

  it('finds records that were submitted without a wake-up', async () => {
    rig = await Rig.start(program);
    await rig.make('make_quietly', 100);
    await rig.settled(100);
    expect(rig.sequence.length).toBe(100);
  });

  it('skips the one record that its decoder throws at, found by halves, and counts it', async () => {
    const RECORD_BYTES = 40;
    const size = RING_BYTES;
    // The last record that begins in the ring's first lap, and the first byte behind its two mappings.
    const last = Math.ceil(size / RECORD_BYTES) - 1;
    rig = await Rig.start(program, 2 * size - 3 - (RECORD_BYTES * last + 8));
    expect(rig.source.size).toBe(size);
    const before = 20_000;
    for (let made = 0; made < before; made += 10_000) {
      await rig.make('make', 10_000);
      await rig.settled(made + 10_000);
    }
    expect({ retries: rig.retries, skipped: rig.skipped }).toEqual({ retries: 0, skipped: 0 });
    const count = last + 5000;
    await rig.make('make', count - before);
    await rig.settled(count - 1);
    expect(rig.skipped).toBe(1);
    const all = Array.from({ length: count }, (_, seq) => seq);
    expect(rig.sequence).toEqual(all.filter((seq) => seq !== last));
    // By halves: some for each power of two, and not two for each good record in front.
    expect(rig.retries).toBeLessThan(80);
  });

  it('counts what it leaves in the ring when the time to stop is over', async () => {
    rig = await Rig.start(program, 1e9 + 1);
    await rig.make('make', 5000);
    await rig.source.close(0);
    expect(rig.left).toBeGreaterThan(0);
    expect(rig.sequence.length).toBe(0);
    expect(rig.left + rig.skipped).toBe(5000);
  });

  it('steps over discarded records', async () => {
    rig = await Rig.start(program);
    await rig.make('discard', 50);
    await rig.make('make', 3);
    await rig.settled(3);
    expect(rig.sequence).toEqual([50, 51, 52]);
    expect(rig.discarded).toBe(50);
  });

  it('loses and doubles nothing when its worker is killed in mid-drain, again and again', async () => {
    rig = await Rig.start(program);
    let made = 0;
    for (let round = 0; round < 10; round++) {
      const making = rig.make('make', 10_000);
      made += 10_000;
      // Between submit and result: the drain is in flight, or about to be.
      await new Promise((done) => setTimeout(done, round));
      await rig.source.killWorker();
      await making;
      await rig.settled(made);
    }
    const { wanted, refused } = rig.produced();
    expect(refused).toBe(0);
    expect(rig.sequence.length).toBe(wanted);
    expect(rig.sequence.every((seq, i) => seq === i)).toBe(true);
  }, 60_000);
});
