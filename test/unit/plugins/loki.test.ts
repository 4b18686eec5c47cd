import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import loki from '../../../plugins/loki/index.js';
import { snappyCompress } from '../../../plugins/loki/snappy.js';
import { EventBatch, type Sink, type SinkContext, testSink } from '../../../plugins/sdk/index.js';

interface Push {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

let server: Server;
let url: string;
let pushes: Push[];
let answer: { status: number; headers?: Record<string, string>; text?: string } | 'reset' | 'hang';
/** What is answered to a push instead, where it says so. */
let refuse: (push: Push) => Exclude<typeof answer, string> | undefined;
let sink: Sink | undefined;

beforeEach(async () => {
  pushes = [];
  answer = { status: 204 };
  refuse = () => undefined;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const push = { headers: request.headers, body: Buffer.concat(chunks) };
      pushes.push(push);
      const given = refuse(push) ?? answer;
      if (given === 'reset') request.socket.destroy();
      else if (given !== 'hang') response.writeHead(given.status, given.headers).end(given.text);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await sink?.close();
  server.closeAllConnections();
  server.close();
});

const context = {
  name: 'l',
  directory: '/',
  log: { debug() {}, info() {}, warn() {}, error() {} },
} as unknown as SinkContext;

async function open(options: object = {}): Promise<void> {
  const result = await loki.options['~standard'].validate({ url, ...options });
  if (result.issues) throw new Error(result.issues.map(({ message }) => message).join());
  sink = await loki.open(result.value, context);
}

const LINES = ['a', 'é"\n', 'a'].map((comm, i) =>
  JSON.stringify({
    timestamp: `2026-01-02T03:04:0${5 - i}.00000000${i}Z`,
    probe: 'p',
    map: 'm',
    data: { comm },
  }),
);

function batch(lines: readonly string[] = LINES): EventBatch {
  let end = 0;
  const lineEnds = Uint32Array.from(lines, (line) => {
    end += Buffer.byteLength(line) + 1;
    return end;
  });
  const ndjson = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  return new EventBatch(
    { probe: 'p', map: 'm', labels: { node: 'n1' }, count: lines.length, ndjson, lineEnds },
    { forms: ['ndjson'], sink: 'l', numbers: 'bigint' },
  );
}

const write = (signal = new AbortController().signal) => sink!.write!(batch(), { signal });

/** The snappy block format, by its description. */
function uncompress(input: Uint8Array): Buffer {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = input[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const out = Buffer.alloc(varint());
  let end = 0;
  while (at < input.length) {
    const tag = input[at++]!;
    if ((tag & 3) === 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const bytes = length - 60;
        length = Buffer.from(input).readUIntLE(at, bytes) + 1;
        at += bytes;
      }
      out.set(input.subarray(at, at + length), end);
      at += length;
      end += length;
      continue;
    }
    const kind = tag & 3;
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const size = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    const offset = (kind === 1 ? (tag >> 5) << 8 : 0) + Buffer.from(input).readUIntLE(at, size);
    at += size;
    if (offset === 0 || offset > end) throw new Error('a copy from nowhere');
    for (let i = 0; i < length; i++, end++) out[end] = out[end - offset]!;
  }
  if (end !== out.length) throw new Error('the length is wrong');
  return out;
}

type Message = Map<number, (bigint | Buffer)[]>;

/** Protocol buffers, by their description. */
function decode(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: bigint | Buffer = varint();
    if ((tag & 7) === 2) {
      const length = Number(value);
      value = bytes.subarray(at, at + length);
      at += length;
    } else if ((tag & 7) !== 0) throw new Error(`wire type ${tag & 7}`);
    message.set(tag >> 3, [...(message.get(tag >> 3) ?? []), value]);
  }
  return message;
}

describe('the loki sink', () => {
  it('pushes protobuf in snappy: streams by labels, lines in order of their time', async () => {
    await open({ tenant: 't1', username: 'me', password: 'pw' });
    expect(await write()).toEqual({ status: 'ok' });
    const [push] = pushes;
    expect(push!.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-scope-orgid': 't1',
      authorization: `Basic ${Buffer.from('me:pw').toString('base64')}`,
    });
    const streams = decode(uncompress(push!.body))
      .get(1)!
      .map((one) => decode(one as Buffer));
    expect(streams.length).toBe(1);
    expect(String(streams[0]!.get(1)![0])).toBe('{map="m", node="n1", probe="p"}');
    const entries = streams[0]!.get(2)!.map((one) => decode(one as Buffer));
    expect(entries.map((entry) => String(entry.get(2)![0]))).toEqual([...LINES].reverse());
    const times = entries.map((entry) => {
      const time = decode(entry.get(1)![0] as Buffer);
      return (time.get(1)![0] as bigint) * 1_000_000_000n + ((time.get(2)?.[0] as bigint | undefined) ?? 0n);
    });
    const base = BigInt(Date.parse('2026-01-02T03:04:03Z')) * 1_000_000n;
    expect(times).toEqual([base + 2n, base + 1_000_000_001n, base + 2_000_000_000n]);
  });

  it('sets events of one time apart in their order, over batches, and a batch that comes again as before', async () => {
    await open({ format: 'json' });
    const line = (second: number, text: string): string =>
      JSON.stringify({
        timestamp: `2026-01-02T03:04:0${second}.000000000Z`,
        probe: 'p',
        map: 'm',
        data: { text },
      });
    const twice = batch([line(1, 'c'), line(1, 'c')]);
    const sent = async (of: EventBatch): Promise<[offset: number, text: string][]> => {
      await sink!.write!(of, { signal: new AbortController().signal });
      const { streams } = JSON.parse(gunzipSync(pushes.at(-1)!.body).toString());
      return streams[0].values.map(([time, text]: [string, string]) => [
        Number(BigInt(time) - BigInt(Date.parse('2026-01-02T03:04:00Z')) * 1_000_000n),
        JSON.parse(text).data.text,
      ]);
    };
    const second = 1_000_000_000;
    expect(await sent(batch([line(1, 'b'), line(1, 'a'), line(0, 'early')]))).toEqual([
      [0, 'early'],
      [second, 'b'],
      [second + 1, 'a'],
    ]);
    for (let i = 0; i < 3; i++)
      expect(await sent(twice)).toEqual([
        [second + 2, 'c'],
        [second + 3, 'c'],
      ]);
    // Several are on their way at once, and any of them comes again.
    const [first, other] = [batch([line(1, 'd')]), batch([line(1, 'e')])];
    for (let i = 0; i < 2; i++) {
      expect(await sent(first)).toEqual([[second + 4, 'd']]);
      expect(await sent(other)).toEqual([[second + 5, 'e']]);
    }
    expect(await sent(first)).toEqual([[second + 4, 'd']]);
    expect(await sent(batch([line(1, 'f')]))).toEqual([[second + 6, 'f']]);
    // What is older keeps its time, and what is newer.
    expect(await sent(batch([line(0, 'old'), line(2, 'new')]))).toEqual([
      [0, 'old'],
      [2 * second, 'new'],
    ]);
    expect(await sent(batch([line(2, 'newer')]))).toEqual([[2 * second + 1, 'newer']]);
  });

  it('pushes JSON in gzip, when it is to', async () => {
    await open({ format: 'json', extra_labels: { env: 'x' }, labels: ['probe'], token: 'secret' });
    await write();
    expect(pushes[0]!.headers).toMatchObject({ 'content-encoding': 'gzip', authorization: 'Bearer secret' });
    const { streams } = JSON.parse(gunzipSync(pushes[0]!.body).toString());
    expect(streams).toEqual([
      {
        stream: { env: 'x', probe: 'p' },
        values: [...LINES].reverse().map((line) => [expect.stringMatching(/^\d{19}$/), line]),
      },
    ]);
  });

  it.each<[typeof answer, object]>([
    [{ status: 204 }, { status: 'ok' }],
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 'retry', after: 7000 },
    ],
    [{ status: 503 }, { status: 'retry' }],
    [{ status: 260 }, { status: 'drop' }],
    [{ status: 401 }, { status: 'drop' }],
    [{ status: 307, headers: { location: 'http://127.0.0.1:1/' } }, { status: 'drop' }],
    ['reset', { status: 'retry' }],
  ])('to %j says what becomes of the batch', async (given, expected) => {
    answer = given;
    await open({ token: 'secret' });
    const result = await write();
    expect(result).toMatchObject(expected);
    expect(JSON.stringify(result)).not.toContain('secret');
    expect(pushes.length).toBe(1);
  });

  it.each([400, 413])('to %d tells apart what is taken and what is not', async (status) => {
    await open({ format: 'json' });
    const lines = Array.from({ length: 20 }, (_, i) => LINES[0]!.replace('"a"', `"${i === 7 ? 'bad' : i}"`));
    const taken = new Set<string>();
    refuse = (push) => {
      const { streams } = JSON.parse(gunzipSync(push.body).toString()) as {
        streams: { values: [string, string][] }[];
      };
      const texts = streams[0]!.values.map(
        ([, line]) => (JSON.parse(line) as { data: { comm: string } }).data.comm,
      );
      if (texts.includes('bad')) return { status, text: 'entry too far behind' };
      for (const text of texts) taken.add(text);
      return undefined;
    };
    const given = batch(lines);
    const signal = new AbortController().signal;
    expect(await sink!.write!(given, { signal })).toEqual({
      status: 'ok',
      rejected: 1,
      error: expect.stringContaining(`${status}: entry too far behind`),
    });
    expect(taken.size).toBe(19);
    // The whole, then two halves five times.
    expect(pushes.length).toBeLessThanOrEqual(11);

    refuse = () => ({ status, text: 'none of it' });
    pushes = [];
    expect(await sink!.write!(batch(lines), { signal })).toEqual({
      status: 'drop',
      error: expect.stringContaining('none of it'),
    });
    expect(pushes.length).toBe(2 * 20 - 1);
    pushes = [];
    const many = Array.from({ length: 1000 }, () => LINES[0]!);
    expect(await sink!.write!(batch(many), { signal })).toMatchObject({ status: 'drop' });
    // Of one that is at fault there are fewer.
    expect(pushes.length).toBe(2 * (status === 413 ? 128 : 32) + 1);
  });

  it('goes on where an attempt ended, and sends no part twice that was taken', async () => {
    await open({ format: 'json' });
    const sizes: number[] = [];
    let busy = true;
    refuse = (push) => {
      const { streams } = JSON.parse(gunzipSync(push.body).toString()) as {
        streams: { values: unknown[] }[];
      };
      const { length } = streams[0]!.values;
      sizes.push(length);
      if (length > 2) return { status: 413 };
      return sizes.length === 3 && busy ? { status: 503 } : undefined;
    };
    const given = batch([...LINES, LINES[0]!]);
    const signal = new AbortController().signal;
    expect(await sink!.write!(given, { signal })).toMatchObject({ status: 'retry' });
    expect(sizes).toEqual([4, 2, 2]);
    busy = false;
    expect(await sink!.write!(given, { signal })).toEqual({ status: 'ok' });
    expect(sizes).toEqual([4, 2, 2, 2]);
  });

  it('gives up when the attempt is over', async () => {
    answer = 'hang';
    await open();
    const ending = new AbortController();
    const pending = write(ending.signal);
    setTimeout(() => ending.abort(), 100);
    expect(await pending).toMatchObject({ status: 'retry' });
  });

  it('has as many connections as there are writes at once', async () => {
    answer = 'hang';
    await open();
    const ending = new AbortController();
    const writes = Array.from({ length: 8 }, () => write(ending.signal));
    await vi.waitFor(() => expect(pushes.length).toBe(8));
    ending.abort();
    await Promise.all(writes);
  });

  it('takes no token that cannot be a header', async () => {
    await expect(open({ token: 'two\nlines' })).rejects.toThrow(/no line break/);
    const folder = mkdtempSync(join(tmpdir(), 'bee-loki-'));
    const file = join(folder, 'token');
    for (const text of ['', '\n', 'two\nlines\n', 'spa ce']) {
      writeFileSync(file, text);
      await expect(open({ token_file: file })).rejects.toThrow(`${file}: expected a token`);
    }
    writeFileSync(file, 'secret\n');
    await open({ token_file: file });
    await write();
    expect(pushes[0]!.headers.authorization).toBe('Bearer secret');
    rmSync(folder, { recursive: true });
  });

  it('writes times of any year, and says where a line has none', async () => {
    await open();
    const times = [
      ['1969-12-31T23:59:58.999999999', -2, 999_999_999],
      ['1970-01-01T00:00:00.000000000', 0, 0],
      ['2026-01-02T03:04:05.000000127', 1767323045, 127],
      ['2026-01-02T03:04:05.000000128', 1767323045, 128],
      ['2262-04-11T23:47:16.854775807', 9223372036, 854775807],
    ] as const;
    const lines = times.map(([time]) => JSON.stringify({ timestamp: `${time}Z`, probe: 'p', data: {} }));
    const { signal } = new AbortController();
    expect(await sink!.write!(batch(lines), { signal })).toEqual({ status: 'ok' });
    const stream = decode(decode(uncompress(pushes[0]!.body)).get(1)![0] as Buffer);
    expect(
      stream.get(2)!.map((one) => {
        const time = decode(decode(one as Buffer).get(1)![0] as Buffer);
        return [1, 2].map((field) => Number(BigInt.asIntN(64, time.get(field)![0] as bigint)));
      }),
    ).toEqual(times.map(([, ...parts]) => parts));
    for (const wrong of ['2026-01-02T03:04:05.00000012xZ', '2026-13-02T03:04:05.000000123Z', ''])
      await expect(
        Promise.resolve().then(() => sink!.write!(batch([JSON.stringify({ timestamp: wrong })]), { signal })),
      ).rejects.toThrow(/without its time/);
  });

  it('compresses so that everybody can read it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 5000 }),
          fc.string().map((text) => Buffer.from(text.repeat(300))),
        ),
        (bytes) => {
          expect(uncompress(snappyCompress(bytes)).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
    const big = Buffer.alloc(300_000, 'a line that comes again and again\n');
    expect(uncompress(snappyCompress(big)).equals(big)).toBe(true);
    expect(snappyCompress(big).length).toBeLessThan(big.length / 10);
  });

  it('keeps the contract', () => testSink(loki, { options: { url } }));

  it.each([
    [{ url: 'ftp://x' }, /expected a URL/],
    [{ labels: ['nope'] }, /expected probe, map/],
    [{ username: 'me' }, /needs password/],
    [{ username: 'me', password: 'x', token: 'y' }, /exclude each other/],
    [{ format: 'xml' }, /protobuf or json/],
  ])('refuses %j', async (options, message) => {
    await expect(open(options)).rejects.toThrow(message);
  });
});
