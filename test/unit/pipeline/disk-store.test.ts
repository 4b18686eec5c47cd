import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { decodeBatch, encodeBatch } from '../../../core/pipeline/batch/batch-codec.js';
import { DiskStore, type DiskStoreOptions } from '../../../core/pipeline/buffer/disk-store.js';
import { SegmentLog } from '../../../core/pipeline/buffer/segment-log.js';
import type { Item } from '../../../core/pipeline/store.js';
import type { EventBatchData } from '../../../plugins/sdk/index.js';
import { anyEvent, batchOfEvents, eventsOf } from './any-batch.js';

const root = mkdtempSync(join(tmpdir(), 'bee-buffer-'));
let folders = 0;
const newFolder = (): string => join(root, `${folders++}`);
afterAll(() => rmSync(root, { recursive: true }));

/** A batch whose events are the numbers from `first` on, of `bytes` each. */
function numbered(first: number, count: number, bytes = 100): EventBatchData {
  const lines = Array.from({ length: count }, (_, i) => `${first + i}${' '.repeat(bytes)}\n`);
  let end = 0;
  return {
    probe: 'p',
    map: 'm',
    labels: {},
    count,
    ndjson: new Uint8Array(Buffer.from(lines.join(''))),
    lineEnds: Uint32Array.from(lines, (line) => (end += line.length)),
  };
}

function numbersOf({ ndjson, count }: EventBatchData): number[] {
  const numbers = Buffer.from(ndjson!).toString().trim().split(/\s+/).map(Number);
  expect(numbers.length).toBe(count);
  return numbers;
}

/** A store and everything that it said. */
class Opened {
  readonly lost: Record<string, number> = {};
  recovered = 0;
  readonly counters: Record<string, number> = {};
  readonly lines: string[] = [];
  readonly store: DiskStore;
  private wake: (() => void) | undefined;

  constructor(
    readonly folder: string,
    options: Partial<DiskStoreOptions> = {},
  ) {
    const log = (line: string): void => void this.lines.push(line);
    this.store = new DiskStore(
      {
        folder,
        maxSize: 2 ** 26,
        fsync: 'never',
        maxBytes: 2 ** 20,
        whenFull: 'drop_newest',
        accepts: { events: ['ndjson'], metrics: false },
        ...options,
      },
      {
        lost: ({ count }, reason) => {
          this.lost[reason] = (this.lost[reason] ?? 0) + count;
        },
        recovered: ({ count }) => {
          this.recovered += count;
        },
        ready: () => this.wake?.(),
      },
      {
        log: { debug: log, info: log, warn: log, error: log },
        telemetry: {
          counter: (name) => ({
            add: (value) => {
              this.counters[name] = (this.counters[name] ?? 0) + value;
            },
          }),
          gauge: () => ({ set() {} }),
        },
      },
    );
  }

  static async at(folder: string, options: Partial<DiskStoreOptions> = {}): Promise<Opened> {
    const opened = new Opened(folder, options);
    await opened.store.open();
    return opened;
  }

  /** The next item, or undefined when none comes. */
  async take(): Promise<Item | undefined> {
    for (let i = 0; i < 200; i++) {
      const item = this.store.take();
      if (item) return item;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 2);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (i > 3 && this.store.idle) return undefined;
    }
    throw new Error('nothing comes, and it is not idle');
  }

  async takeAll(): Promise<number[]> {
    const numbers: number[] = [];
    for (let item = await this.take(); item; item = await this.take()) {
      numbers.push(...numbersOf(item.batch));
      this.store.settle(item);
    }
    return numbers;
  }

  close(): Promise<void> {
    return this.store.close('shutdown', 5_000);
  }

  /** The folder as a process that is killed now would leave it. */
  crash(): string {
    // A crash is one moment; a copy takes several. One in whose midst a settled segment went is made again.
    for (;;) {
      const copy = newFolder();
      const names = readdirSync(this.folder);
      try {
        cpSync(this.folder, copy, { recursive: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        throw error;
      }
      if (names.join() !== readdirSync(this.folder).join()) continue;
      rmSync(join(copy, 'lock'), { force: true });
      return copy;
    }
  }
}

const segmentsOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.seg'))
    .sort();
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('a batch on the disk', () => {
  it('is the same when it is read back, in every form', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 20 }), fc.boolean(), (events, raw) => {
        const { meta, body } = encodeBatch(batchOfEvents(events, {}, raw), {
          events: ['ndjson', 'rows'],
          metrics: false,
        });
        const bytes = new Uint8Array(Buffer.concat(body));
        const batch = decodeBatch(events.length, meta, bytes);
        if (raw) expect(eventsOf(batch)).toEqual(events);
        expect(batch).toEqual(batchOfEvents(events, {}, raw));
      }),
    );
  });

  it('has the forms that its sink declared, and no others', () => {
    const batch = batchOfEvents(fc.sample(anyEvent, 3));
    const back = (events: ('ndjson' | 'columns')[]) => {
      const { meta, body } = encodeBatch(batch, { events, metrics: false });
      return decodeBatch(3, meta, new Uint8Array(Buffer.concat(body)));
    };
    expect(back(['ndjson'])).toEqual({ ...batch, columns: undefined });
    expect(back(['columns'])).toEqual({ ...batch, ndjson: undefined, lineEnds: undefined });
  });

  it('is refused with a column of which nobody knows how it is read', () => {
    const { meta, body } = encodeBatch(batchOfEvents([], {}, true), { events: ['rows'], metrics: false });
    const bytes = new Uint8Array(Buffer.concat(body));
    const read = (from: string, to: string) => () => decodeBatch(0, meta.replace(from, to), bytes);
    expect(read('"width":2', '"width":4')).not.toThrow();
    expect(read('"width":2', '"width":5')).toThrow('a column of 5 words');
    expect(read('"kind":"raw"', '"kind":"odd"')).toThrow('a column of kind odd');
    expect(read('"Uint8Array"', '"constructor"')).toThrow('unknown numbers');
  });
});

describe('a disk buffer', () => {
  it('gives what was pushed, in order, and is empty after that', async () => {
    const opened = await Opened.at(newFolder());
    for (let i = 0; i < 50; i++) opened.store.push(numbered(i * 10, 10));
    expect(await opened.takeAll()).toEqual(range(0, 500));
    await opened.close();
    const again = await Opened.at(opened.folder);
    expect(again.recovered).toBe(0);
    expect(await again.takeAll()).toEqual([]);
    await again.close();
  });

  it('reads back what memory does not hold', async () => {
    const opened = await Opened.at(newFolder(), { maxBytes: 200_000 });
    for (let i = 0; i < 300; i++) {
      opened.store.push(numbered(i * 10, 10, 1_000));
      await new Promise(setImmediate);
      await opened.store.written();
    }
    expect(opened.lost).toEqual({});
    expect(await opened.takeAll()).toEqual(range(0, 3_000));
    await opened.close();
    expect(segmentsOf(opened.folder).length).toBeLessThanOrEqual(1);
  });

  it('keeps what it has just read back, though another batch is settled before anybody has it', async () => {
    const earlier = await Opened.at(newFolder());
    for (let i = 0; i < 3; i++) earlier.store.push(numbered(i, 1));
    await earlier.close();
    const opened = new Opened(earlier.folder);
    const settled: number[] = [];
    const { read } = SegmentLog.prototype;
    const reads = vi.spyOn(SegmentLog.prototype, 'read').mockImplementation(async function (
      this: SegmentLog,
      until: number,
    ) {
      const found = await read.call(this, until);
      // Between the log's answer and the store's next step, as a write that ends just then does.
      const item = settled.length === 0 ? opened.store.take() : undefined;
      if (item) {
        settled.push(...numbersOf(item.batch));
        opened.store.settle(item);
      }
      return found;
    });
    try {
      await opened.store.open();
      expect(opened.store.take()).toBeUndefined();
      await vi.waitFor(() => expect(settled).not.toEqual([]));
      await opened.close();
    } finally {
      reads.mockRestore();
    }
    expect(settled).toEqual([0]);
    const again = await Opened.at(earlier.folder);
    expect(await again.takeAll()).toEqual([1, 2]);
    await again.close();
  });

  it('is private, and of one process at a time', async () => {
    const opened = await Opened.at(newFolder());
    opened.store.push(numbered(0, 1));
    await opened.store.written();
    expect(statSync(opened.folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(opened.folder))
      expect(statSync(join(opened.folder, name)).mode & 0o777).toBe(0o600);
    await expect(Opened.at(opened.folder)).rejects.toThrow(
      `${opened.folder} is in use by process ${process.pid}. Stop that one`,
    );
    await opened.close();
    await (await Opened.at(opened.folder)).close();
  });

  it.each([
    ['/proc/bee/buffer', 'there can be no folder in /proc'],
    ['/proc/self/fd/buffer', 'there can be no folder in /proc/self/fd'],
    ['/dev/null', 'it is no folder'],
  ])('says why %s cannot be one', async (folder, why) => {
    await expect(Opened.at(folder)).rejects.toThrow(`buffer.path: ${folder} cannot be used: ${why}`);
  });

  it('makes the folders above its own, for the owner alone', async () => {
    const folder = newFolder();
    const deep = join(folder, 'a', 'b', 'c');
    await (await Opened.at(deep)).store.close('shutdown', 1_000);
    for (const path of [deep, join(folder, 'a')]) expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('takes the folder of a process that is dead, and none that others can write', async () => {
    const folder = newFolder();
    mkdirSync(folder, { mode: 0o700 });
    const { pid } = spawnSync('true');
    writeFileSync(join(folder, 'lock'), `${pid} 12345\n`);
    await (await Opened.at(folder)).close();
    mkdirSync(join(folder, 'open'));
    spawnSync('chmod', ['777', join(folder, 'open')]);
    await expect(Opened.at(join(folder, 'open'))).rejects.toThrow('others can write to it');
  });

  it('drops the newest at max_size, and counts it', async () => {
    const opened = await Opened.at(newFolder(), { maxSize: 2 ** 20, maxBytes: 2 ** 24 });
    for (let i = 0; i < 30; i++) opened.store.push(numbered(i * 10, 10, 10_000));
    const { buffer_full = 0 } = opened.lost;
    expect(buffer_full).toBeGreaterThan(100);
    expect(await opened.takeAll()).toEqual(range(0, 300 - buffer_full));
    await opened.close();
  });

  it('drops the oldest at max_size, but not what is being delivered', async () => {
    const opened = await Opened.at(newFolder(), {
      maxSize: 2 ** 20,
      maxBytes: 2 ** 24,
      whenFull: 'drop_oldest',
    });
    opened.store.push(numbered(0, 10, 1_000));
    const first = (await opened.take())!;
    for (let i = 1; i < 300; i++) {
      opened.store.push(numbered(i * 10, 10, 1_000));
      await opened.store.written();
    }
    const size = segmentsOf(opened.folder).reduce(
      (sum, name) => sum + statSync(join(opened.folder, name)).size,
      0,
    );
    expect(size).toBeLessThanOrEqual(2 ** 20);
    opened.store.settle(first);
    const rest = await opened.takeAll();
    expect(rest.length + (opened.lost.buffer_full ?? 0)).toBe(2_990);
    expect(rest.length).toBeGreaterThan(500);
    expect(rest.at(-1)).toBe(2_999);
    expect([...rest].sort((a, b) => a - b)).toEqual(rest);
    await opened.close();
  });

  it.each([
    ['drop_newest', 10, 100_000],
    ['drop_oldest', 10, 100_000],
    ['drop_newest', 1, 600_000],
    ['drop_oldest', 1, 600_000],
  ] as const)(
    'that is small takes one burst after the other once they are delivered (%s, %d of %d bytes)',
    async (whenFull, count, bytes) => {
      const opened = await Opened.at(newFolder(), { maxSize: 2 ** 20, maxBytes: 2 ** 24, whenFull });
      for (let i = 0; i < 5; i++) {
        opened.store.push(numbered(i * count, count, bytes));
        expect(await opened.takeAll()).toEqual(range(i * count, (i + 1) * count));
      }
      expect(opened.lost).toEqual({});
      await opened.close();
    },
  );

  it.each(['always', 'never'] as const)(
    'loses nothing where segments end while they are written (fsync %s)',
    async (fsync) => {
      const options = { maxSize: 2 ** 20, maxBytes: 2 ** 18, whenFull: 'block', fsync } as const;
      const opened = await Opened.at(newFolder(), options);
      const numbers: number[] = [];
      for (let i = 0; i < 300; i++) {
        await opened.store.room();
        opened.store.push(numbered(i, 1, 50_000));
        const item = opened.store.take();
        if (!item) continue;
        numbers.push(...numbersOf(item.batch));
        await new Promise((resolve) => setImmediate(resolve));
        opened.store.settle(item);
        if (i % 3 === 0) numbers.push(...(await opened.takeAll()));
      }
      numbers.push(...(await opened.takeAll()));
      expect(numbers).toEqual(range(0, 300));
      expect(opened.lost).toEqual({});
      expect(segmentsOf(opened.folder).length).toBeLessThanOrEqual(1);
      await opened.close();
    },
  );

  it('drops nothing for an event that is bigger than all of it', async () => {
    const opened = await Opened.at(newFolder(), {
      maxSize: 2 ** 20,
      maxBytes: 2 ** 24,
      whenFull: 'drop_oldest',
    });
    for (let i = 0; i < 6; i++) {
      opened.store.push(numbered(i, 1, 100_000));
      await opened.store.written();
    }
    opened.store.push(numbered(6, 1, 2 ** 20));
    expect(opened.lost).toEqual({ buffer_full: 1 });
    expect(await opened.takeAll()).toEqual(range(0, 6));
    await opened.close();
  });

  it('that blocks has room again after an event that is bigger than all of it', async () => {
    const opened = await Opened.at(newFolder(), { maxSize: 2 ** 20, maxBytes: 2 ** 24, whenFull: 'block' });
    opened.store.push(numbered(0, 1, 2 ** 20));
    await opened.store.written();
    const room = opened.store.room();
    expect(room).toBeDefined();
    expect(await opened.takeAll()).toEqual([0]);
    await room;
    expect(opened.store.full).toBe(false);
    await opened.close();
  });

  it('drops what has waited longest while a write is under way, and not what is being written', async () => {
    const opened = await Opened.at(newFolder(), { maxBytes: 2 ** 20, whenFull: 'drop_oldest' });
    // The first is being written by the time that the others come.
    for (let i = 0; i < 20; i++) opened.store.push(numbered(i, 1, 100_000));
    const numbers = await opened.takeAll();
    expect(opened.lost).toEqual({ queue_full: 10 });
    expect(numbers).toEqual([0, ...range(11, 20)]);
    await opened.close();
  });

  it('makes others wait at max_size where it blocks', async () => {
    const opened = await Opened.at(newFolder(), { maxSize: 2 ** 20, whenFull: 'block' });
    let pushed = 0;
    while (!opened.store.room()) {
      opened.store.push(numbered(pushed * 10, 10, 5_000));
      pushed++;
      await opened.store.written();
    }
    const room = opened.store.room()!;
    const numbers = await opened.takeAll();
    await room;
    expect(numbers).toEqual(range(0, pushed * 10));
    expect(opened.lost).toEqual({});
    await opened.close();
  });

  it('keeps what was not delivered at the stop, and delivers that first', async () => {
    const opened = await Opened.at(newFolder());
    for (let i = 0; i < 10; i++) opened.store.push(numbered(i * 10, 10));
    for (let i = 0; i < 3; i++) opened.store.settle((await opened.take())!);
    await opened.take();
    await opened.close();
    const again = new Opened(opened.folder);
    again.store.push(numbered(100, 10));
    await again.store.open();
    expect(again.recovered).toBe(70);
    expect(await again.takeAll()).toEqual(range(30, 110));
    await again.close();
  });

  it('that is closed while it opens keeps what was pushed by then, and lets go of its folder', async () => {
    const opened = new Opened(newFolder());
    const opening = opened.store.open();
    opened.store.push(numbered(0, 10));
    await opened.store.close('shutdown', 0);
    const again = await Opened.at(opened.folder);
    expect([again.recovered, opened.lost]).toEqual([10, {}]);
    expect(await again.takeAll()).toEqual(range(0, 10));
    await opening;
    await again.close();
  });

  it('counts what an earlier run kept in a form that the sink does not take any more', async () => {
    const opened = await Opened.at(newFolder());
    opened.store.push(numbered(0, 10));
    await opened.close();
    const again = await Opened.at(opened.folder, { accepts: { events: ['rows'], metrics: false } });
    expect(await again.takeAll()).toEqual([]);
    expect(again.lost).toEqual({ unreadable: 10 });
    expect(again.lines.join()).toContain('kept no rows');
    await again.close();
  });

  it('sets files aside that are no segments of its own, and goes on', async () => {
    const opened = await Opened.at(newFolder());
    opened.store.push(numbered(0, 10));
    await opened.close();
    const write = (name: string, bytes: string | Buffer): void =>
      writeFileSync(join(opened.folder, name), bytes);
    const [mine] = segmentsOf(opened.folder);
    write('000000000100.seg', 'not a segment at all, but long enough for its header');
    write('000000000101.seg', readFileSync(join(opened.folder, mine!)));
    write('000000000102.seg', '');
    write('000000000103.seg', 'short');
    write('notes.txt', 'left alone');
    const again = await Opened.at(opened.folder);
    expect(again.recovered).toBe(10);
    expect(again.counters.buffer_damaged_total).toBe(3);
    expect(readdirSync(opened.folder)).toEqual(
      expect.arrayContaining([
        '000000000100.seg.bad',
        '000000000101.seg.bad',
        '000000000103.seg.bad',
        'notes.txt',
      ]),
    );
    again.store.push(numbered(10, 5));
    expect(await again.takeAll()).toEqual(range(0, 15));
    await again.close();
  });

  // A file system of its own, which is full for real.
  it.runIf(process.getuid?.() === 0)(
    'delivers from memory while the disk is full, loses what is too much for that, and goes on after',
    async () => {
      const mount = newFolder();
      mkdirSync(mount);
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', mount]).status).toBe(0);
      try {
        const opened = await Opened.at(join(mount, 'buffer'), { maxBytes: 50_000 });
        opened.store.push(numbered(0, 10));
        await opened.store.written();
        writeFileSync(join(mount, 'ballast'), Buffer.alloc(220_000));
        for (let i = 1; i < 20; i++) {
          opened.store.push(numbered(i * 10, 10, 1_000));
          await opened.store.written();
        }
        const lost = opened.lost.queue_full ?? 0;
        expect(lost).toBeGreaterThan(0);
        const numbers = await opened.takeAll();
        expect(numbers).toEqual(range(0, 200 - lost));
        expect(opened.counters.buffer_errors_total).toBeGreaterThan(0);
        expect(opened.lines.join()).toMatch(/disk buffer .*ENOSPC/);
        rmSync(join(mount, 'ballast'));
        opened.store.push(numbered(200, 10));
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        await opened.store.written();
        await opened.close();
        const again = await Opened.at(opened.folder);
        expect(await again.takeAll()).toEqual(range(200, 210));
        await again.close();
      } finally {
        spawnSync('umount', [mount]);
      }
    },
  );
});

/** What may happen to a file. */
const damage = fc.oneof(
  fc.record({
    how: fc.constant('flip' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    bits: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ how: fc.constant('truncate' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ how: fc.constant('zeros' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ how: fc.constant('garbage' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ how: fc.constant('remove' as const) }),
);
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function apply(path: string, how: Damage): void {
  if (how.how === 'remove') rmSync(path);
  else writeFileSync(path, damaged(readFileSync(path), how));
}

function damaged(bytes: Buffer, how: Exclude<Damage, { how: 'remove' }>): Buffer {
  if (how.how === 'garbage') return Buffer.concat([bytes, how.bytes]);
  const at = Math.floor(how.at * bytes.length);
  if (how.how === 'truncate') return bytes.subarray(0, at);
  if (how.how === 'zeros') bytes.fill(0, at, Math.min(at + 64, bytes.length));
  else if (at < bytes.length) bytes[at]! ^= how.bits;
  return bytes;
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('push' as const), count: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

it('after any crash there is all that was written and not settled, once more in order; nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.boolean(),
      async (steps, isSmall) => {
        const options = { maxBytes: isSmall ? 20_000 : 2 ** 20, maxSize: 2 ** 20 };
        let opened = await Opened.at(newFolder(), options);
        let next = 0;
        /** Numbers that must come, and may: those that are lost for lack of room are told. */
        let unsettled: { item: Item; numbers: number[] }[] = [];
        const settled = new Set<number>();
        const pushed = new Set<number>();
        for (const one of steps) {
          if (one.do === 'push') {
            const batch = numbered(next, one.count, 500);
            const before = { ...opened.lost };
            opened.store.push(batch);
            if (JSON.stringify(before) === JSON.stringify(opened.lost))
              for (const n of range(next, next + one.count)) pushed.add(n);
            next += one.count;
          } else if (one.do === 'wait') {
            await opened.store.written();
          } else if (one.do === 'take') {
            const item = await opened.take();
            if (item) unsettled.push({ item, numbers: numbersOf(item.batch) });
          } else if (one.do === 'settle') {
            const [taken] = unsettled.splice(one.which % Math.max(1, unsettled.length), 1);
            if (taken) {
              opened.store.settle(taken.item);
              for (const n of taken.numbers) settled.add(n);
            }
          } else {
            await opened.store.written();
            const folder = one.do === 'crash' ? opened.crash() : opened.folder;
            await opened.close();
            opened = await Opened.at(folder, options);
            unsettled = [];
          }
        }
        await opened.store.written();
        const folder = opened.crash();
        await opened.close();
        const last = await Opened.at(folder, options);
        const numbers = await last.takeAll();
        expect(last.recovered).toBe(numbers.length);
        expect([...numbers].sort((a, b) => a - b)).toEqual(numbers);
        expect(new Set(numbers).size).toBe(numbers.length);
        const got = new Set(numbers);
        for (const n of pushed) if (!settled.has(n)) expect(got.has(n), `${n} is missing`).toBe(true);
        for (const n of numbers) expect(pushed.has(n)).toBe(true);
        expect(last.counters.buffer_damaged_total ?? 0).toBe(0);
        await last.close();
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

it('whatever happens to its files, what it gives was written, in order; what is whole is given; the rest is told', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 25 }),
      fc.array(fc.tuple(fc.nat(20), damage), { minLength: 1, maxLength: 4 }),
      async (counts, damages) => {
        const opened = await Opened.at(newFolder(), { maxSize: 2 ** 20 });
        let next = 0;
        const frames: number[][] = [];
        for (const count of counts) {
          opened.store.push(numbered(next, count, 500));
          await opened.store.written();
          frames.push(range(next, next + count));
          next += count;
        }
        const folder = opened.crash();
        await opened.close();
        const names = segmentsOf(folder);
        const hurt = new Set<string>();
        for (const [which, how] of damages) {
          const name = names[which % names.length]!;
          if (!segmentsOf(folder).includes(name)) continue;
          apply(join(folder, name), how);
          hurt.add(name);
        }
        const again = await Opened.at(folder, { maxSize: 2 ** 20 });
        const numbers = await again.takeAll();
        expect(numbers.length).toBe(again.recovered);
        expect([...numbers].sort((a, b) => a - b)).toEqual(numbers);
        const got = new Set(numbers);
        expect(got.size).toBe(numbers.length);
        // Whole frames or none of it.
        const kept = frames.filter((frame) => frame.some((n) => got.has(n)));
        expect(kept.flat()).toEqual(numbers);
        // A hurt file loses no more than a frame or two for each hurt, unless its header or its tail is gone.
        if (hurt.size === 0) expect(numbers).toEqual(range(0, next));
        const onlyFlips = damages.every(([, how]) => how.how === 'flip' && how.at > 0.01);
        if (onlyFlips) expect(frames.length - kept.length).toBeLessThanOrEqual(damages.length);
        again.store.push(numbered(next, 7));
        expect(await again.takeAll()).toEqual(range(next, next + 7));
        await again.close();
      },
    ),
    { numRuns: 80 },
  );
}, 120_000);
