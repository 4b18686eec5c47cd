import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createIsolatedSink } from '../../../core/pipeline/index.js';
import { LastWords } from '../../../core/pipeline/isolate/last-words.js';
import { inherited } from '../../../core/pipeline/isolate/launch.js';
import type { Column, EventBatchData } from '../../../plugins/sdk/index.js';
import { isThere } from '../../support/is-there.js';
import { Host, totals } from './outlet-host.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const sink = (name: string): string => here(`../../fixtures/sinks/isolated/${name}`);
/** By the code that the sink itself runs. */
const { digest } = (await import(sink('digests.js'))) as { digest(batch: EventBatchData): string };
const DRIVER = here('../../fixtures/isolated-driver.mjs');

async function until(condition: () => boolean, what = () => ''): Promise<void> {
  const end = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`timed out: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Told {
  readonly pid: number;
  readonly descriptors: Readonly<Record<string, string>>;
  readonly [what: string]: unknown;
}

const told = (lines: string): Told => JSON.parse(/\{"pid".*\}/.exec(lines)![0]);

describe('what a batch is on the other side', () => {
  const KINDS = [
    Int8Array,
    Uint8Array,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
    Float32Array,
    Float64Array,
  ] as const;
  /** Views at odd places of a larger buffer, as the decoder's are. */
  const bytesOf = (bytes: Uint8Array, size: number): ArrayBuffer => {
    const whole = new ArrayBuffer(Math.ceil(bytes.length / size) * size);
    new Uint8Array(whole).set(bytes);
    return whole;
  };
  const anyBatch: fc.Arbitrary<EventBatchData> = fc
    .record({
      rows: fc.integer({ min: 1, max: 40 }),
      kinds: fc.array(fc.constantFrom(...KINDS), { maxLength: 12 }),
      noise: fc.uint8Array({ minLength: 700, maxLength: 700 }),
      labels: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
      hasLines: fc.boolean(),
    })
    .map(({ rows, kinds, noise, labels, hasLines }): EventBatchData => {
      const values = (kind: (typeof KINDS)[number], i: number) =>
        new kind(
          bytesOf(noise.subarray(i, i + rows * kind.BYTES_PER_ELEMENT), kind.BYTES_PER_ELEMENT),
          0,
          rows,
        );
      const numbers = kinds.map(
        (kind, i): Column => ({ kind: 'number', path: [`f${i}`, 'ä'], dims: [], values: values(kind, i) }),
      );
      const names = { '-1': 'minus "one"', '0': 'null\u0000' };
      const columns: Column[] = [
        ...numbers,
        {
          kind: 'number',
          path: ['e'],
          dims: [],
          format: 'enum',
          names,
          values: values(Int32Array, 3) as Int32Array,
        },
        {
          kind: 'text',
          path: ['t', '[]'],
          dims: [1],
          offsets: Uint32Array.from({ length: rows + 1 }, (_, i) => i),
          bytes: noise.subarray(0, rows),
        },
      ];
      const lines = {
        ndjson: noise.subarray(1, 1 + rows),
        lineEnds: Uint32Array.from({ length: rows }, (_, i) => i + 1),
      };
      return {
        ...{ probe: 'p', map: 'm', labels, count: rows },
        ...(hasLines ? lines : {}),
        columns: { rows, timestamps: values(BigInt64Array, 5) as BigInt64Array, columns },
      };
    });

  it.each(['process', 'thread'] as const)(
    'is every byte of it, in every kind of column: %s',
    async (isolation) => {
      const host = new Host();
      const source = { module: sink('digests.js'), resolveFrom: sink('digests.js'), name: 'mine' };
      const definition = await createIsolatedSink(source, isolation);
      const { value } = (await definition.options['~standard'].validate({})) as { value: unknown };
      const outlet = host.outlet({}, { definition, options: value });
      outlet.start();
      onTestFinished(() => outlet.stop(1_000));
      const wanted = fc.sample(anyBatch, 40).map((batch) => {
        outlet.offer(batch);
        return digest(batch);
      });
      await until(
        () => totals(outlet).queued === 0,
        () => host.lines.join('\n'),
      );
      const got = host.lines.flatMap((line) => /digest (\w+)/.exec(line)?.[1] ?? []);
      expect(got).toEqual(wanted);
    },
  );
});

describe('a process of a sink', () => {
  const drive = (
    module: string,
    options: object,
    sizes: readonly number[],
    { wrap = [], env = {} }: { wrap?: readonly string[]; env?: Record<string, string> } = {},
  ): { child: ChildProcess; output: () => string } => {
    const [command, ...args] = [...wrap, process.execPath, DRIVER, JSON.stringify([module, options, sizes])];
    const child = spawn(command!, args, {
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BEE_TEST: 'mine', ...env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream!.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    onTestFinished(() => void child.kill('SIGKILL'));
    return { child, output: () => output };
  };

  it('has its limits, its name, and no descriptor of the agent but those it needs', async () => {
    const { child, output } = drive(sink('tells.js'), {}, [1]);
    await once(child, 'close');
    expect(output()).toContain('closed');
    const { pid, descriptors, ...rest } = told(output());
    expect(rest).toEqual({
      title: 'bee-sink mine',
      score: '1000',
      data: String(2 ** 30),
      core: '0',
      channel: ['undefined', []],
      cwd: '/',
      own: 'mine',
    });
    expect(isThere(pid)).toBe(false);
    expect(descriptors[0]).toBe('/dev/null');
    // Node's pipes are sockets.
    for (const i of [1, 2, 4]) expect(descriptors[i]).toMatch(/^socket:/);
    expect(descriptors[3]).toMatch(/^\/dev\/shm\/bee-sink-\w+ \(deleted\)$/);
    const others = Object.entries(descriptors).filter(([i]) => Number(i) > 4);
    for (const [, link] of others) expect(link).toMatch(/^(anon_inode:|pipe:|\/dev\/null$|socket:)/);
    expect(others.filter(([, link]) => link.startsWith('socket:'))).toEqual([]);
  });

  it('ends with the agent, even after kill -9 and while it spins', async () => {
    const { child, output } = drive(sink('tells.js'), { spin: true }, [1]);
    await until(() => output().includes('wanted'), output);
    const { pid } = told(output());
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isThere(pid)).toBe(true);
    child.kill('SIGKILL');
    await until(() => !isThere(pid));
  });

  it('ends with the agent where there is no setpriv, once it yields', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'bee-bin-'));
    symlinkSync(process.execPath, join(bin, 'node'));
    const never = join(bin, 'never.js');
    writeFileSync(
      never,
      readFileSync(sink('tells.js'), 'utf8')
        .replace('while (spin);', 'await new Promise(() => {});')
        .replace('../sound.js', here('../../fixtures/sinks/sound.js')),
    );
    writeFileSync(join(bin, 'package.json'), '{"type":"module"}');
    const { child, output } = drive(never, {}, [1], { env: { PATH: bin } });
    await until(() => output().includes('wanted'), output);
    const { pid } = told(output());
    expect(isThere(pid)).toBe(true);
    child.kill('SIGKILL');
    await until(() => !isThere(pid));
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves %s to the agent', async (signal) => {
    const { child, output } = drive(sink('parts-of-a-second.js'), {}, [1, 1]);
    await until(() => output().includes('writing'), output);
    process.kill(Number(/pid (\d+)/.exec(output())![1]), signal);
    await once(child, 'close');
    expect(output().match(/answer \{"status":"ok"\}/g)).toHaveLength(2);
    expect(output()).toContain('closed');
  });

  it.each([
    ['is full', 'mount -t tmpfs -o size=64k none /dev/shm'],
    [
      'and the folder for temporary files cannot be written',
      'mount -t tmpfs -o ro none /dev/shm; export TMPDIR=/proc',
    ],
  ])('gets its batches, large and small, where /dev/shm %s', async (_how, mount) => {
    // A mount namespace of its own, which needs root.
    const wrap = ['unshare', '-m', 'sh', '-c', `${mount}; exec "$@"`, 'sh'];
    const { child, output } = drive(sink('digests.js'), {}, [1, 2_000, 40, 500, 1], { wrap });
    await once(child, 'close');
    const all = (what: string): string[] =>
      [...output().matchAll(new RegExp(`${what} (\\w{64})`, 'g'))].map(([, hex]) => hex!);
    expect(all('wanted')).toHaveLength(5);
    expect(all('digest')).toEqual(all('wanted'));
    expect(output()).toContain('closed');
  });

  it('is gone after close, with what it has started', async () => {
    const { child, output } = drive(sink('parts-of-a-second.js'), { start: true }, [1]);
    await once(child, 'close');
    const pids = [...output().matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(2);
    await until(() => !pids.some(isThere));
  });

  it('leaves no file behind', () => {
    const left = existsSync('/dev/shm')
      ? readdirSync('/dev/shm').filter((name) => name.startsWith('bee-sink-'))
      : [];
    expect(left).toEqual([]);
  });
});

describe('how it is started', () => {
  it("has Node's options, but for what is the agent's alone", () => {
    expect(
      inherited([
        ...[
          '--experimental-strip-types',
          '--input-type=module',
          '-e',
          'code',
          '--inspect=9229',
          '--conditions',
          'dev',
        ],
        ...[
          '--max-old-space-size=64',
          '--max_old_space_size=64',
          '--max-old-space-size-percentage=50',
          '--max-heap-size=2000',
          '--inspect-port',
          '0',
          '--title',
          'x',
          '--eval=1',
        ],
      ]),
    ).toEqual(['--experimental-strip-types', '--conditions', 'dev']);
  });
});

describe('last words', () => {
  it('are not shown of one that dies, and are of one that only printed them', async () => {
    const shown: string[] = [];
    const words = new LastWords((line) => shown.push(line));
    for (const line of [
      'before',
      'FATAL ERROR: Reached heap limit - JavaScript heap out of memory',
      ' 1: 0xb78db3',
    ])
      words.hear(line);
    expect(shown).toEqual(['before']);
    expect(words.cause()).toMatchObject({ outOfMemory: true });
    const liar = new LastWords((line) => shown.push(line));
    liar.hear('FATAL ERROR: not really');
    liar.hear('after');
    await until(() => shown.includes('after'));
    expect(shown).toEqual(['before', 'FATAL ERROR: not really', 'after']);
    expect(liar.cause()).toEqual({ outOfMemory: false });
  });
});
