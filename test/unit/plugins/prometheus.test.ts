import { once } from 'node:events';
import { mkdtempSync, statSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { renderLabels } from '../../../core/metrics/index.js';
import { expose } from '../../../plugins/prometheus/exposition.js';
import prometheus from '../../../plugins/prometheus/index.js';
import type { MetricBatch, MetricFamily, Series, Sink, SinkContext } from '../../../plugins/sdk/index.js';
import { parseExposition } from '../../support/exposition.js';

type Labels = [string, string][];

function series(labels: Labels, value: number | bigint): Series {
  return { labels, labelText: renderLabels(labels), value };
}

function family(
  name: string,
  type: MetricFamily['type'],
  all: Series[],
  more: Partial<MetricFamily> = {},
): MetricFamily {
  return { name, type, help: `Help of ${name}.`, series: all, ...more };
}

async function text(families: MetricFamily[], format: 'text' | 'openmetrics'): Promise<string> {
  let all = '';
  for await (const part of expose(families, format)) all += part;
  return all;
}

const HISTOGRAM = family(
  'h_seconds',
  'histogram',
  [
    {
      labels: [['a', 'x']],
      labelText: 'a="x"',
      histogram: { bounds: [0, 1, 2.5, 1e21], counts: [1, 2, 0, 3, 4], count: 10, sum: 2n ** 64n - 1n },
    },
  ],
  { unit: 'seconds' },
);

describe('exposition', () => {
  it('prints histograms in text 0.0.4', async () => {
    expect(await text([HISTOGRAM], 'text')).toBe(`# HELP h_seconds Help of h_seconds.
# TYPE h_seconds histogram
h_seconds_bucket{a="x",le="0"} 1
h_seconds_bucket{a="x",le="1"} 3
h_seconds_bucket{a="x",le="2.5"} 3
h_seconds_bucket{a="x",le="1e+21"} 6
h_seconds_bucket{a="x",le="+Inf"} 10
h_seconds_sum{a="x"} 18446744073709551615
h_seconds_count{a="x"} 10
`);
  });

  it('prints OpenMetrics: floats as le, units, counters without _total in their TYPE, # EOF', async () => {
    const counter = family('c_bytes_total', 'counter', [series([], 2n ** 64n - 1n)], { unit: 'bytes' });
    expect(await text([counter, HISTOGRAM], 'openmetrics')).toBe(`# HELP c_bytes Help of c_bytes_total.
# TYPE c_bytes counter
# UNIT c_bytes bytes
c_bytes_total 18446744073709551615
# HELP h_seconds Help of h_seconds.
# TYPE h_seconds histogram
# UNIT h_seconds seconds
h_seconds_bucket{a="x",le="0.0"} 1
h_seconds_bucket{a="x",le="1.0"} 3
h_seconds_bucket{a="x",le="2.5"} 3
h_seconds_bucket{a="x",le="1e+21"} 6
h_seconds_bucket{a="x",le="+Inf"} 10
h_seconds_sum{a="x"} 18446744073709551615
h_seconds_count{a="x"} 10
# EOF
`);
  });

  it('prints le as OpenMetrics lists its canonical numbers', async () => {
    // Every power of ten that the specification names, and what Go's %g makes of others.
    const wanted =
      '-2.5 1e-10 1e-09 1e-06 1e-05 0.0001 0.001 0.01 0.1 0.25 1.0 10.0 100.0 100000.0 999999.0 1e+06 1.048576e+06 1e+10 1.8446744073709552e+19'.split(
        ' ',
      );
    const bounds = wanted.map(Number);
    const counts = [...bounds, 0].map(() => 0);
    const one = { labels: [], labelText: '', histogram: { bounds, counts, count: 0, sum: 0 } };
    const exposed = await text([family('h', 'histogram', [one])], 'openmetrics');
    expect([...exposed.matchAll(/le="(.*)"/g)].map((match) => match[1])).toEqual([...wanted, '+Inf']);
  });

  it('leaves out a sum that nobody knows, and in OpenMetrics the count with it', async () => {
    const unknown = family('h', 'histogram', [
      { labels: [], labelText: '', histogram: { bounds: [1], counts: [1, 0], count: 1 } },
    ]);
    expect(await text([unknown], 'text')).toContain('h_bucket{le="+Inf"} 1\nh_count 1\n');
    expect(await text([unknown], 'openmetrics')).toContain('h_bucket{le="+Inf"} 1\n# EOF\n');
  });

  it('does not give one OpenMetrics name to a counter and a gauge', async () => {
    const both = [family('x_total', 'counter', [series([], 1)]), family('x', 'gauge', [series([], 2)])];
    const parsed = parseExposition(await text(both, 'openmetrics'), 'openmetrics').map(({ name, type }) => [
      name,
      type,
    ]);
    expect(parsed).toEqual([
      ['x_total', 'unknown'],
      ['x', 'gauge'],
    ]);
  });

  it('shows exemplars in OpenMetrics, on counters and buckets, the newest of a bucket', async () => {
    const exemplar = (value: number, time: bigint, id = `${value}`) => ({
      labels: [['id', id] as const],
      value,
      time,
    });
    const counter = family('c_total', 'counter', [
      {
        ...series([], 3),
        exemplars: [exemplar(1, 1_700_000_000_000_000_001n, '"\\\n')],
      },
    ]);
    const [first] = HISTOGRAM.series;
    const histogram = {
      ...HISTOGRAM,
      series: [
        {
          ...first!,
          exemplars: [exemplar(0.5, 2n), exemplar(1, 1n), exemplar(Number.POSITIVE_INFINITY, 3n)],
        },
      ],
    };
    // A counter whose name OpenMetrics does not take is of unknown type, and these have none.
    const taken = [
      family('x', 'gauge', [series([], 1)]),
      family('x_total', 'counter', [{ ...series([], 2), exemplars: [exemplar(1, 1n)] }]),
    ];
    const shown = await text([counter, histogram, ...taken], 'openmetrics');
    parseExposition(shown, 'openmetrics');
    expect(shown.split('\n').filter((line) => line.includes(' # '))).toEqual([
      'c_total 3 # {id="\\"\\\\\\n"} 1 1700000000.000000001',
      'h_seconds_bucket{a="x",le="1.0"} 3 # {id="0.5"} 0.5 0.000000002',
      'h_seconds_bucket{a="x",le="+Inf"} 10 # {id="Infinity"} +Inf 0.000000003',
    ]);
    expect(await text([counter, histogram, ...taken], 'text')).not.toContain(' # ');
  });

  it('escapes help, and shows no family without series', async () => {
    const one = family('x', 'gauge', [series([], -1)], { help: 'a\\b"c"\nd' });
    expect(await text([one, family('y', 'gauge', [])], 'text')).toBe(
      '# HELP x a\\\\b"c"\\nd\n# TYPE x gauge\nx -1\n',
    );
    expect(await text([one], 'openmetrics')).toContain('# HELP x a\\\\b\\"c\\"\\nd\n');
  });

  it('reads back as it was, whatever labels and values are', async () => {
    const value = fc.oneof(fc.double(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }));
    const labels = fc.uniqueArray(
      fc.tuple(
        fc.stringMatching(/^[a-z]{1,3}$/),
        fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\\"\nn{},= ]*$/)),
      ),
      { selector: ([name]) => name, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(labels, value), {
          selector: ([one]) => JSON.stringify([...one].sort()),
          minLength: 1,
        }),
        fc.constantFrom<'text' | 'openmetrics'>('text', 'openmetrics'),
        async (all, format) => {
          const exposed = await text(
            [
              family(
                'm',
                'gauge',
                all.map(([one, number]) => series(one, number)),
              ),
            ],
            format,
          );
          const samples = parseExposition(exposed, format)[0]!.samples;
          expect(samples.map((sample) => sample.labels)).toEqual(all.map(([one]) => Object.fromEntries(one)));
          for (const [i, [, number]] of all.entries()) {
            const shown = samples[i]!.value.replace(/Inf$/, 'Infinity');
            if (typeof number === 'bigint') expect(BigInt(shown)).toBe(number);
            else expect(Number(shown)).toBe(number === 0 ? 0 : number);
          }
        },
      ),
    );
  });

  it('makes a big exposition in small pieces, and lets the loop turn', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => series([['key', `value-${i}`]], i));
    let turns = 0;
    let longest = 0;
    let bytes = 0;
    let turn = setImmediate(function count() {
      turns++;
      turn = setImmediate(count);
    });
    for await (const part of expose([family('m', 'gauge', many)], 'text')) {
      longest = Math.max(longest, part.length);
      bytes += part.length;
    }
    clearImmediate(turn);
    expect(longest).toBeLessThan(640 * 1024);
    expect(turns).toBeGreaterThanOrEqual(Math.floor(bytes / (80 * 1024)));
  });

  it('cuts between series, also where one has a thousand buckets', async () => {
    const bounds = Array.from({ length: 1000 }, (_, i) => i);
    const histogram = { bounds, counts: [...bounds, 0], count: 499_500, sum: 0 };
    const many = Array.from({ length: 100 }, (_, i) => ({ labels: [], labelText: `i="${i}"`, histogram }));
    let longest = 0;
    for await (const part of expose([family('h', 'histogram', many)], 'text'))
      longest = Math.max(longest, part.length);
    expect(longest).toBeLessThan(640 * 1024);
  });
});

const OM1 = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const OM0 = 'application/openmetrics-text; version=0.0.1; charset=utf-8';
const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

function context(families: MetricFamily[], collect?: () => Promise<MetricBatch>): SinkContext {
  return {
    name: 'prom',
    directory: '/',
    labels: {},
    log: { debug() {}, info() {}, warn() {}, error() {} },
    signal: new AbortController().signal,
    telemetry: { counter: () => ({ add() {} }), gauge: () => ({ set() {} }) },
    collect: collect ?? (async () => ({ kind: 'metrics', time: 0n, families })),
  };
}

async function options(
  given: Record<string, unknown>,
): Promise<{ value?: never; issues?: readonly { message: string }[] }> {
  return (await prometheus.options['~standard'].validate(given)) as never;
}

async function open(given: Record<string, unknown>, host = context([])): Promise<Sink> {
  const { value, issues } = await options(given);
  if (issues) throw new Error(issues[0]!.message);
  return prometheus.open(value!, host);
}

async function ask(sink: Sink, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return sink.fetch!(new Request('http://x/metrics', { headers, method }));
}

describe('scrape', () => {
  it.each([
    ['', TEXT],
    ['*/*', TEXT],
    ['text/html,application/xhtml+xml,*/*;q=0.8', TEXT],
    ['application/json', TEXT],
    ['application/openmetrics-text', OM1],
    // Prometheus 2.42.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      OM1,
    ],
    // Prometheus 2.30.
    ['application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', OM0],
    // Prometheus 3.
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      OM1,
    ],
    ['text/plain;version=0.0.4;q=0.9, application/openmetrics-text;version=1.0.0;q=0.2', TEXT],
    ['application/openmetrics-text;q=0.5, */*;q=0.8', TEXT],
    ['application/openmetrics-text;q=0, */*', TEXT],
    ['application/openmetrics-text;q=0', TEXT],
    ['application/openmetrics-text;version=2.0.0', TEXT],
    ['application/openmetrics-text;version="1.0.0"', OM1],
    ['APPLICATION/OpenMetrics-Text ; Q=1', OM1],
    ['application/openmetrics-text;q=nonsense, text/plain;q=0.1', TEXT],
    [',;,=;q', TEXT],
  ])('Accept: %s → %s', async (accept, wanted) => {
    const response = await ask(await open({}, context([HISTOGRAM])), accept === '' ? {} : { accept });
    expect(response.headers.get('content-type')).toBe(wanted);
    const body = await response.text();
    expect(body.endsWith('# EOF\n')).toBe(wanted !== TEXT);
    parseExposition(body, wanted === TEXT ? 'text' : 'openmetrics');
  });

  it.each([
    ['gzip', true],
    ['gzip, deflate, br', true],
    ['x-gzip', true],
    ['*', true],
    ['', false],
    ['deflate', false],
    ['gzip;q=0', false],
    ['gzip; q=0.000', false],
    ['*;q=0', false],
    ['*, gzip;q=0', false],
    ['identity, gzip;q=0.5', false],
    ['identity;q=0.5, gzip', true],
  ])('Accept-Encoding: %s → %s', async (encoding, wanted) => {
    const response = await ask(await open({}, context([HISTOGRAM])), { 'accept-encoding': encoding });
    expect(response.headers.get('content-encoding')).toBe(wanted ? 'gzip' : null);
    expect(response.headers.get('vary')).toBe('accept, accept-encoding');
    const body = Buffer.from(await response.arrayBuffer());
    expect((wanted ? gunzipSync(body) : body).toString()).toBe(await text([HISTOGRAM], 'text'));
  });

  it('answers HEAD without collecting', async () => {
    let collected = 0;
    const sink = await open(
      {},
      context([], async () => {
        collected++;
        return { kind: 'metrics', time: 0n, families: [] };
      }),
    );
    const response = await ask(sink, { accept: 'application/openmetrics-text' }, 'HEAD');
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      OM1,
      '',
    ]);
    expect(collected).toBe(0);
  });

  it('bounds scrapes that are not read, and takes more once they are gone', async () => {
    const big = family(
      'm',
      'gauge',
      Array.from({ length: 20_000 }, (_, i) => series([['k', `${'x'.repeat(100)}${i}`]], i)),
    );
    const sink = await open({}, context([big]));
    const stalled: Response[] = [];
    for (let i = 0; i < 8; i++) stalled.push(await ask(sink));
    expect((await ask(sink)).status).toBe(503);
    expect((await ask(sink, {}, 'HEAD')).status).toBe(200);
    for (const one of stalled) await one.body!.cancel();
    await expect.poll(async () => (await ask(sink)).status).toBe(200);
  });

  it('gives its place back when collecting fails', async () => {
    const sink = await open(
      {},
      context([], async () => Promise.reject(new Error('no'))),
    );
    for (let i = 0; i < 20; i++) await expect(ask(sink)).rejects.toThrow('no');
  });

  it('refuses options that it does not know, or that make no sense', async () => {
    for (const wrong of [
      { port: 1 },
      { path: 'metrics' },
      { listen: 'nowhere' },
      { listen: '127.0.0.1:70000' },
      { listen: 9100 },
      { naming: 'x' },
    ]) {
      expect((await options(wrong)).issues?.length, JSON.stringify(wrong)).toBe(1);
    }
  });
});

describe('naming: bumblebee', () => {
  const origin = { map: 'counter_conns', hostLabels: 2, fieldNames: ['srcIp', 'probe'] };
  const labels = (probe: string): Labels => [
    ['probe', probe],
    ['node', 'n'],
    ['src_ip', '1.2.3.4'],
    ['exported_probe', 'a"b'],
  ];

  async function scrape(families: MetricFamily[]): Promise<string> {
    const response = await ask(await open({ naming: 'bumblebee' }, context(families)), { accept: OM1 });
    expect(response.headers.get('content-type')).toBe(TEXT);
    const body = await response.text();
    parseExposition(body, 'text');
    return body
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n');
  }

  it('keeps the names of map and fields, without the labels of ours', async () => {
    const own = family('bee_agent_up', 'gauge', [series([['probe', 'p']], 1)]);
    const over = series(
      [
        ['probe', 'p'],
        ['node', 'n'],
        ['overflow', 'true'],
      ],
      9,
    );
    expect(
      await scrape([family('ebpf_conns_total', 'counter', [series(labels('p'), 5), over], { origin }), own]),
    ).toBe(
      'ebpf_solo_io_counter_conns{srcIp="1.2.3.4",probe="a\\"b"} 5\n' +
        'ebpf_solo_io_counter_conns{overflow="true"} 9\n' +
        'bee_agent_up{probe="p"} 1\n',
    );
  });

  it('writes the bounds of buckets as Go does: a dashboard\'s le="1e+06" finds its bucket', async () => {
    const histogram = {
      bounds: [0.00001, 0.5, 100_000, 1_000_000, 2_500_000],
      counts: [1, 0, 0, 0, 0, 0],
      count: 1,
      sum: 0,
    };
    const { value: _, ...one } = series([['probe', 'p']], 0);
    const origin = { map: 'hist_time', hostLabels: 1, fieldNames: [] };
    const lines = await scrape([family('ebpf_time', 'histogram', [{ ...one, histogram }], { origin })]);
    expect(
      [...lines.matchAll(/^ebpf_solo_io_hist_time_bucket\{le="([^"]*)"\} 1$/gm)].map(([, le]) => le),
    ).toEqual(['1e-05', '0.5', '100000', '1e+06', '2.5e+06', '+Inf']);
  });

  it('tells two probes of one map apart by the labels of ours', async () => {
    const lines = (
      await scrape([
        family(
          'ebpf_conns_total',
          'counter',
          [
            {
              ...series(
                [
                  ['probe', 'p'],
                  ['x', '1'],
                ],
                5,
              ),
            },
            {
              ...series(
                [
                  ['probe', 'q'],
                  ['x', '1'],
                ],
                6,
              ),
            },
          ],
          { origin: { map: 'conns', hostLabels: 1, fieldNames: ['x'] } },
        ),
      ])
    )
      .trim()
      .split('\n');
    expect(lines).toEqual(['ebpf_solo_io_conns{probe="p",x="1"} 5', 'ebpf_solo_io_conns{probe="q",x="1"} 6']);
  });

  it('gives two maps that share a family their own names again, and fields theirs', async () => {
    const other = { map: 'b', hostLabels: 0, fieldNames: ['B'] };
    expect(
      await scrape([
        family('x', 'gauge', [series([['a', '1']], 1), { ...series([['b', '1']], 2), origin: other }], {
          origin: { map: 'a', field: 'f', hostLabels: 0, fieldNames: ['A'] },
        }),
      ]),
    ).toBe('ebpf_solo_io_a_f{A="1"} 1\nebpf_solo_io_b{B="1"} 2\n');
  });

  it('does not put le twice on a histogram', async () => {
    const labels: Labels = [['exported_le', '7']];
    const one = {
      labels,
      labelText: renderLabels(labels),
      histogram: { bounds: [1], counts: [1, 0], count: 1, sum: 1 },
    };
    expect(
      await scrape([
        family('ebpf_h', 'histogram', [one], {
          origin: { map: 'hist_h', hostLabels: 0, fieldNames: ['le'] },
        }),
      ]),
    ).toContain('ebpf_solo_io_hist_h_bucket{exported_le="7",le="1"} 1\n');
  });
});

describe('listen', () => {
  let sink: Sink | undefined;
  afterEach(() => sink?.close());

  /** Opens `sink`; resolves to what it says of its address. */
  async function logged(given: Record<string, unknown>, families = [HISTOGRAM]): Promise<string> {
    let said = '';
    const host = context(families);
    const info = (message: string): void => {
      said = message;
    };
    sink = await open(given, { ...host, log: { ...host.log, info } });
    return said;
  }

  it('serves its path and nothing else on an address of its own', async () => {
    const url = /http:\S+/.exec(await logged({ listen: '127.0.0.1:0', path: '/m' }))![0];
    expect(await (await fetch(url)).text()).toBe(await text([HISTOGRAM], 'text'));
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    expect((await fetch(new URL('/events', url))).status).toBe(404);
    await sink!.close();
    await sink!.close();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('serves a unix socket, also in the place of one that is left over', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'bee-prom-')), 'prom.sock');
    const left = createServer().listen(path);
    await once(left, 'listening');
    await expect(logged({ listen: `unix:${path}` })).rejects.toThrow(/is in use/);
    expect(statSync(path).isSocket()).toBe(true);
    left.close();
    await once(left, 'close');
    await logged({ listen: `unix:${path}` });
    expect(statSync(path).mode & 0o777).toBe(0o660);
    const [response] = (await once(get({ socketPath: path, path: '/metrics' }), 'response')) as [
      IncomingMessage,
    ];
    let body = '';
    for await (const part of response) body += part;
    expect(body).toBe(await text([HISTOGRAM], 'text'));
  });

  it('says which address is taken, and that this is final', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(logged({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
      message: `listen: 127.0.0.1:${port} is in use by another process. Stop it, or choose another address`,
      fatal: true,
    });
    other.close();
  });

  it('closes in the face of clients that do not read', async () => {
    const big = family(
      'm',
      'gauge',
      Array.from({ length: 50_000 }, (_, i) => series([['k', `${'x'.repeat(100)}${i}`]], i)),
    );
    const url = new URL(/http:\S+/.exec(await logged({ listen: '127.0.0.1:0' }, [big]))![0]);
    const socket = connect(Number(url.port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'readable');
    await sink!.close();
    socket.destroy();
  });
});
