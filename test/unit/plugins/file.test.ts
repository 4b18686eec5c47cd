import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import file from '../../../plugins/file/index.js';
import { EventBatch, type Sink, type SinkContext } from '../../../plugins/sdk/index.js';

let folder: string;
let sink: Sink | undefined;
const counted = new Map<string, number>();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-file-'));
  counted.clear();
});
afterEach(async () => {
  await sink?.close();
  sink = undefined;
  rmSync(folder, { recursive: true });
});

const context = (): SinkContext => ({
  name: 'f',
  directory: folder,
  labels: {},
  signal: new AbortController().signal,
  log: { debug() {}, info() {}, warn() {}, error() {} },
  telemetry: {
    counter: (name) => ({ add: (value) => void counted.set(name, (counted.get(name) ?? 0) + value) }),
    gauge: () => ({ set() {} }),
  },
  collect: async () => ({ kind: 'metrics', time: 0n, families: [] }),
});

async function open(options: object): Promise<Sink> {
  const result = await file.options['~standard'].validate({ path: 'events.ndjson', ...options });
  if (result.issues) throw new Error(result.issues.map(({ message }) => message).join());
  sink = await file.open(result.value, context());
  return sink;
}

const line = (seq: number): string => `{"timestamp":"2026-01-02T03:04:05.000000000Z","seq":${seq}}\n`;

function batch(from: number, count: number): EventBatch {
  const lines = Array.from({ length: count }, (_, i) => Buffer.from(line(from + i)));
  let end = 0;
  const lineEnds = Uint32Array.from(lines, (one) => {
    end += one.length;
    return end;
  });
  return new EventBatch(
    { probe: 'p', map: 'm', labels: {}, count, ndjson: Buffer.concat(lines), lineEnds },
    { forms: ['ndjson'], sink: 'f', numbers: 'bigint' },
  );
}

const write = (one: EventBatch) => sink!.write!(one, { signal: new AbortController().signal });
const path = (name = 'events.ndjson'): string => join(folder, name);
const textOf = (name: string): string => {
  const bytes = readFileSync(path(name));
  if (name.endsWith('.gz')) return zlib.gunzipSync(bytes).toString();
  if (!name.endsWith('.zst')) return bytes.toString();
  return (zlib as unknown as { zstdDecompressSync(bytes: Buffer): Buffer })
    .zstdDecompressSync(bytes)
    .toString();
};
const files = (): string[] => readdirSync(folder).sort();
/** Every line of every file, oldest first. */
const sequence = (): number[] =>
  [...files().filter((name) => name !== 'events.ndjson'), 'events.ndjson'].flatMap((name) =>
    textOf(name)
      .split('\n')
      .filter(Boolean)
      .map((text) => JSON.parse(text).seq),
  );
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('the file sink', () => {
  it('appends lines to a file that only its owner may read', async () => {
    await open({});
    expect(await write(batch(0, 3))).toEqual({ status: 'ok' });
    await sink!.close();
    await open({});
    await write(batch(3, 2));
    expect(sequence()).toEqual(range(5));
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('rotates by size, losing, tearing and repeating nothing, and keeps as many as it should', async () => {
    await open({ rotate: { size: '4KiB', keep: 'all' } });
    for (let i = 0; i < 50; i++) await write(batch(i * 10, 10));
    expect(sequence()).toEqual(range(500));
    expect(files().length).toBeGreaterThan(5);
    for (const name of files()) expect(statSync(path(name)).size).toBeLessThanOrEqual(4096);
    await sink!.close();
    await open({ rotate: { size: '4KiB', keep: 2 } });
    for (let i = 0; i < 30; i++) await write(batch(500 + i * 10, 10));
    await sink!.close();
    expect(files().length).toBe(3);
    expect(sequence()).toEqual(range(800).slice(-sequence().length));
    expect(counted.get('file_removed_total')).toBeGreaterThan(0);
  });

  it.for([
    ['gzip', '.gz'],
    ['zstd', '.zst'],
  ] as const)('compresses what it rotated: %s', async ([compress, suffix], { skip }) => {
    if (compress === 'zstd' && !('createZstdCompress' in zlib)) {
      await expect(open({ rotate: { compress } })).rejects.toThrow(
        /zstd needs Node 22\.15 or newer.*: use gzip/,
      );
      skip(`Node ${process.versions.node} has no zstd, and the sink says so`);
    }
    await open({ rotate: { size: '4KiB', keep: 'all', compress } });
    for (let i = 0; i < 40; i++) await write(batch(i * 10, 10));
    await expect
      .poll(() => files().filter((name) => !name.endsWith(suffix)), { timeout: 10_000 })
      .toEqual(['events.ndjson']);
    expect(files().length).toBeGreaterThan(4);
    expect(sequence()).toEqual(range(400));
    for (const name of files()) expect(statSync(path(name)).mode & 0o777, name).toBe(0o600);
  });

  it('rotates by time, also while nothing is written', async () => {
    await open({ rotate: { every: '1s', keep: 'all' } });
    await write(batch(0, 3));
    await expect.poll(files, { timeout: 5000 }).toEqual(['events-000000001.ndjson', 'events.ndjson']);
    expect(textOf('events-000000001.ndjson')).toBe(line(0) + line(1) + line(2));
    // An empty file is not rotated.
    await new Promise((done) => setTimeout(done, 2100));
    expect(files()).toEqual(['events-000000001.ndjson', 'events.ndjson']);
    await write(batch(3, 1));
    await expect.poll(() => files().length, { timeout: 5000 }).toBe(3);
    expect(sequence()).toEqual(range(4));
  });

  it('cuts the line that a killed process left half-written, and only that', async () => {
    writeFileSync(path(), line(0) + line(1).slice(0, 30));
    await open({});
    await write(batch(1, 1));
    expect(sequence()).toEqual([0, 1]);
    await sink!.close();
    appendFileSync(path(), 'a note of somebody else');
    await open({});
    await write(batch(2, 1));
    expect(textOf('events.ndjson')).toBe(`${line(0)}${line(1)}a note of somebody else\n${line(2)}`);
  });

  it('opens anew when it is told to, and when its file was removed', async () => {
    await open({ rotate: false });
    await write(batch(0, 1));
    renameSync(path(), path('events.ndjson.1'));
    const reopened = sink!.reopen!();
    await write(batch(1, 1));
    await reopened;
    expect(textOf('events.ndjson.1')).toBe(line(0));
    expect(textOf('events.ndjson')).toBe(line(1));
    rmSync(path());
    await write(batch(2, 1));
    expect(textOf('events.ndjson')).toBe(line(2));
  });

  it('survives a full disk: no line torn, none twice, and it goes on when there is room', async () => {
    const disk = join(folder, 'disk');
    execFileSync('mkdir', [disk]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    try {
      await open({ path: join(disk, 'events.ndjson'), rotate: false });
      writeFileSync(join(disk, 'other'), Buffer.alloc(32 * 1024));
      let next = 0;
      let result = await write(batch(0, 50));
      while (result.status === 'ok') {
        next += 50;
        result = await write(batch(next, 50));
      }
      expect(result).toMatchObject({ status: 'retry', error: expect.stringContaining('no space left') });
      rmSync(join(disk, 'other'));
      expect(await write(batch(next, 50))).toEqual({ status: 'ok' });
      await sink!.close();
      const text = readFileSync(join(disk, 'events.ndjson'), 'utf8');
      expect(
        text
          .split('\n')
          .filter(Boolean)
          .map((one) => JSON.parse(one).seq),
      ).toEqual(range(next + 50));
    } finally {
      await sink?.close();
      execFileSync('umount', [disk]);
    }
  });

  it('has each line once, whichever of its calls to the disk fail, and in whatever order', async () => {
    const attempt = fc.record({ write: fc.boolean(), truncate: fc.boolean(), datasync: fc.boolean() });
    const handle = await openFile(import.meta.filename);
    const calls = Object.getPrototypeOf(handle) as typeof handle;
    await handle.close();
    let failing: Partial<Record<'write' | 'truncate' | 'datasync', boolean>> = {};
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    const { write: wholly, truncate, datasync } = calls;
    vi.spyOn(calls, 'write').mockImplementation(async function (this: typeof handle, ...args: unknown[]) {
      if (!failing.write) return Reflect.apply(wholly, this, args);
      // A disk that fills up takes a part first.
      const [bytes, from, length] = args as [Uint8Array, number, number];
      if (from > 0 || length < 2) throw full;
      return Reflect.apply(wholly, this, [bytes, from, length >> 1, null]);
    } as typeof wholly);
    for (const [name, real] of Object.entries({ truncate, datasync }) as ['truncate', typeof truncate][])
      vi.spyOn(calls, name).mockImplementation(async function (this: typeof handle, ...args: [number?]) {
        if (failing[name]) throw full;
        return Reflect.apply(real, this, args);
      });
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.array(attempt, { maxLength: 3 })), {
            minLength: 1,
            maxLength: 4,
          }),
          async (batches) => {
            rmSync(path(), { force: true });
            await open({ rotate: false, fsync: 'always' });
            let next = 0;
            for (const [count, attempts] of batches) {
              for (const faults of [...attempts, {}]) {
                failing = faults;
                if ((await write(batch(next, count))).status === 'ok') break;
              }
              next += count;
            }
            await sink!.close();
            expect(sequence()).toEqual(range(next));
          },
        ),
        { numRuns: 150 },
      );
    } finally {
      failing = {};
      vi.restoreAllMocks();
    }
  });

  it('follows no symbolic link, and says why', async () => {
    symlinkSync('/etc/passwd', path());
    await expect(open({})).rejects.toThrow(/a symbolic link; not followed/);
  });

  it.each([
    [{ path: 'no/such/events.ndjson' }, /no such folder; make it with/],
    [{ path: '' }, /expected the path of a file/],
    [{ rotate: { size: '1KiB' } }, /expected a size from 4KiB/],
    [{ rotate: { every: '5' } }, /expected a duration/],
    [{ mode: '0666' }, /expected "0600", "0640" or "0644"/],
    [{ fsync: 'sometimes' }, /never, interval or always/],
  ])('refuses %j', async (options, message) => {
    await expect(open(options)).rejects.toThrow(message);
  });

  it('lets no second sink write the same file', async () => {
    await open({});
    const first = sink!;
    await expect(open({})).rejects.toThrow(/another sink writes this file/);
    sink = first;
  });
});
