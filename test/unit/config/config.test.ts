// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test
import { readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  configJsonSchema,
  formatDuration,
  parseByteSize,
  parseConfig,
  parseDuration,
  parseListen,
} from '../../../config/index.js';

const FILE = '/etc/bee-agent/probes.yaml';
const load = (text: string, env: Record<string, string> = {}) => parseConfig(text, FILE, env);
const queue = {
  maxBatches: 1000,
  maxBytes: 67_108_864,
  timeout: 10_000,
  maxElapsed: 300_000,
  whenFull: 'drop_newest',
  retry: { initial: 1000, max: 30_000, multiplier: 1.5 },
};

const EXAMPLE = `# The example of the design, every key of it.
probes:
  - image: ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14
    name: tcp
    pull: always
    params: { min_us: 1000, big: 18446744073709551615, name: "x", on: true, ratio: 0.5, hex: 0xff }
    maps:
      print_events:
        export: event
        filter: ret < 0 && comm != "systemd"
        timestamp: ts
        type: struct event
      hist_latency: { value: delta_us, labels: [comm], buckets: [100, 1000, 10000], expire: 10m }
      hist_slots: { value: value.n, scale: log2 }
      counter_flows: { interval: 5s, max_series: 5, metric: flow_bytes_total, help: Bytes of flows. }
    sinks: [console, prom]
    frequency: 49
  - file: ./opensnoop.bpf.o
sinks:
  console: { type: stdout, format: json }
  prom: { type: prometheus, path: /metrics, interval: 1m30s }
  mine:
    type: ./my-sink.js
    isolate: false
    topic: probes
    nested: { list: [1, "2", null], listen: 5 }
    queue: { max_batches: 10, max_bytes: 10MB, timeout: 500ms, max_elapsed: 0 }
  other: { type: bee-sink-x }
  kept: { type: bee-sink-x, buffer: { path: kept } }
  late: { type: bee-sink-x, buffer: { path: late }, queue: { max_elapsed: 1h } }
agent:
  listen: unix:/run/bee-agent.sock
  workers: 2
  labels: { node: "\${HOSTNAME}", rack: 007 }
  storage: store
`;

describe('a config', () => {
  it('becomes plain data: durations in ms, sizes in bytes, paths absolute', () => {
    const { config, file } = load(EXAMPLE, { HOSTNAME: 'n1' });
    expect(file).toBe(FILE);
    const map = { maxSeries: 10_000 };
    expect(config.probes).toEqual([
      {
        name: 'tcp',
        source: { image: 'ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14' },
        pull: 'always',
        params: { min_us: 1000, big: 2n ** 64n - 1n, name: 'x', on: true, ratio: 0.5, hex: 255 },
        maps: {
          print_events: {
            ...map,
            export: 'event',
            filter: 'ret < 0 && comm != "systemd"',
            timestamp: 'ts',
            type: 'struct event',
          },
          hist_latency: {
            ...map,
            value: 'delta_us',
            labels: ['comm'],
            buckets: [100, 1000, 10_000],
            expire: 600_000,
          },
          hist_slots: { ...map, value: 'value.n', scale: 'log2' },
          counter_flows: {
            interval: 5000,
            maxSeries: 5,
            metric: 'flow_bytes_total',
            help: 'Bytes of flows.',
          },
        },
        sinks: ['console', 'prom'],
        frequency: 49,
      },
      {
        name: 'opensnoop',
        source: { file: '/etc/bee-agent/opensnoop.bpf.o' },
        pull: 'missing',
        params: {},
        maps: {},
        frequency: 99,
      },
    ]);
    expect(Object.keys(config.sinks)).toEqual(['console', 'prom', 'mine', 'other', 'kept', 'late']);
    expect(config.sinks.prom).toEqual({
      name: 'prom',
      type: 'prometheus',
      isolate: 'process',
      interval: 90_000,
      queue,
      options: { path: '/metrics' },
    });
    expect(config.sinks.mine).toEqual({
      name: 'mine',
      type: '/etc/bee-agent/my-sink.js',
      isolate: false,
      queue: {
        maxBatches: 10,
        maxBytes: 10_000_000,
        timeout: 500,
        maxElapsed: 0,
        whenFull: 'drop_newest',
        retry: queue.retry,
      },
      options: { topic: 'probes', nested: { list: [1, '2', null], listen: 5 } },
    });
    expect(config.sinks.other?.type).toBe('bee-sink-x');
    expect(config.sinks.kept).toMatchObject({
      queue: { ...queue, maxElapsed: 0 },
      buffer: { path: '/etc/bee-agent/kept', maxSize: 2 ** 30, fsync: 'interval' },
    });
    expect(config.sinks.late?.queue.maxElapsed).toBe(3_600_000);
    expect(config.agent).toEqual({
      listen: { kind: 'unix', path: '/run/bee-agent.sock' },
      workers: 2,
      labels: { node: 'n1', rack: '007' },
      registries: {},
      pullTimeout: 120_000,
      storage: '/etc/bee-agent/store',
    });
  });

  it.each([
    ['{ initial: 50ms, max: 2s, multiplier: 3 }', { initial: 50, max: 2000, multiplier: 3 }],
    ['{ initial: 2m }', { initial: 120_000, max: 120_000, multiplier: 1.5 }],
    ['{}', queue.retry],
  ])('has the pauses between attempts: retry: %s', (retry, expected) => {
    const { config } = load(
      `probes: [{ file: x.o }]\nsinks: { s: { type: stdout, queue: { retry: ${retry} } } }`,
    );
    expect(config.sinks.s?.queue.retry).toEqual(expected);
  });

  it.each([
    ['{ initial: 10s, max: 5s }', 'max: found 5s, expected a duration that is no shorter than `initial`'],
    ['{ multiplier: 0.5 }', 'multiplier: found 0.5, expected a number from 1 to 10'],
    ['{ initial: 1 }', 'initial: found 1, expected a duration with its unit'],
  ])('refuses other pauses: retry: %s', (retry, message) => {
    expect(() =>
      load(`probes: [{ file: x.o }]\nsinks: { s: { type: stdout, queue: { retry: ${retry} } } }`),
    ).toThrow(message);
  });

  it("gives every image the agent's verify, key by key unless a probe has its own", () => {
    const { config } = load(`probes:
  - { image: a/x }
  - { image: a/y, verify: { key: own.pub } }
  - { image: a/z, verify: { require: true } }
  - { file: w.o }
agent:
  verify: { key: [one.pub, /keys/two.pub], require: false }
  allow: [ghcr.io/solo-io/*, "localhost:5000/*"]
`);
    const keys = ['/etc/bee-agent/one.pub', '/keys/two.pub'];
    expect(config.probes.map(({ verify }) => verify)).toEqual([
      { keys, require: false },
      { keys: ['/etc/bee-agent/own.pub'], require: false },
      { keys, require: true },
      undefined,
    ]);
    expect(config.agent.allow).toEqual(['ghcr.io/solo-io/*', 'localhost:5000/*']);
    expect(load('probes: [{ image: a, verify: { key: k } }, { image: b }]').config.probes).toMatchObject([
      { verify: { keys: ['/etc/bee-agent/k'], require: true } },
      { name: 'b' },
    ]);
  });

  it('has settings of registries, by host', () => {
    const { config } = load(`
probes: [{ image: a }]
agent:
  pull_timeout: 30s
  registries:
    Registry.LAN:5000: { plain_http: true }
    harbor.example.com: { ca: harbor.pem }
    "[::1]:5000": { insecure: true, plain_http: false }
`);
    expect(config.agent.pullTimeout).toBe(30_000);
    expect(config.agent.registries).toEqual({
      'registry.lan:5000': { plainHttp: true },
      'harbor.example.com': { caFile: '/etc/bee-agent/harbor.pem' },
      '[::1]:5000': { insecure: true, plainHttp: false },
    });
  });

  it('has defaults for all but the probes', () => {
    const { config } = load('probes: [{ image: x }]');
    const sink = { isolate: 'process', queue, options: {} };
    expect(config.sinks).toEqual({
      stdout: { ...sink, name: 'stdout', type: 'stdout' },
      prometheus: { ...sink, name: 'prometheus', type: 'prometheus' },
    });
    expect(config.agent).toEqual({
      listen: { kind: 'tcp', host: '127.0.0.1', port: 9091 },
      workers: Math.min(2, availableParallelism()),
      labels: {},
      registries: {},
      pullTimeout: 120_000,
    });
  });

  it('reads keys without anything as not written', () => {
    const { config } = load(
      'probes:\n  - image: x\n    maps:\n      print_a:\n    params:\nsinks:\nagent:\n',
    );
    expect(config.probes[0]?.maps).toEqual({});
    expect(Object.keys(config.sinks)).toEqual(['stdout', 'prometheus']);
  });

  it('may be JSON, with tabs and a byte order mark', () => {
    const text = JSON.stringify(
      { probes: [{ image: 'x', maps: { print_a: { interval: '2s' } } }] },
      null,
      '\t',
    );
    expect(load(`\ufeff${text}`).config.probes[0]?.maps.print_a?.interval).toBe(2000);
    expect(parseConfig(Buffer.from(`\ufeff${text}`), FILE, {}).config.probes).toHaveLength(1);
  });

  it('may share what repeats by anchors, aliases and merge keys', () => {
    const { config, locate } = load(`probes:
  - image: x
    maps:
      hist_a: &h { buckets: &b [1, 2], value: us }
      hist_b: { <<: *h, value: ns }
      hist_c: { buckets: *b }
      hist_d: { <<: [{ value: a, labels: [z] }, *h] }
`);
    expect(config.probes[0]?.maps).toMatchObject({
      hist_b: { buckets: [1, 2], value: 'ns' },
      hist_c: { buckets: [1, 2] },
      hist_d: { buckets: [1, 2], value: 'a', labels: ['z'] },
    });
    expect(locate(['probes', 0, 'maps', 'hist_b', 'value'])).toMatchObject({ line: 5, column: 32 });
    expect(locate(['probes', 0, 'maps', 'hist_b', 'buckets'])).toMatchObject({ line: 4, column: 32 });
  });

  it('keeps map names that objects have as properties', () => {
    const { config } = load(
      'probes: [{ image: x, maps: { constructor: { value: a }, toString: { value: b } } }]',
    );
    expect(Object.keys(config.probes[0]?.maps ?? {})).toEqual(['constructor', 'toString']);
  });

  it.each([
    ['ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14', 'tcpconnect'],
    ['localhost:5000/oom', 'oom'],
    [`a/b:1@sha256:${'0'.repeat(64)}`, 'b'],
    ['plain', 'plain'],
  ])('names a probe of image %s %s', (image, name) => {
    expect(load(`probes: [{ image: "${image}" }]`).config.probes[0]?.name).toBe(name);
  });

  it.each([
    ['./opensnoop.o', 'opensnoop'],
    ['/x/y/tcp.connect.bpf.o', 'tcp.connect'],
    ['noext', 'noext'],
  ])('names a probe of file %s %s', (file, name) => {
    expect(load(`probes: [{ file: "${file}" }]`).config.probes[0]?.name).toBe(name);
  });
});

describe('locate', () => {
  const { locate } = load(EXAMPLE, { HOSTNAME: 'n1' });
  it.each([
    [['probes', 0, 'maps', 'print_events', 'filter'], 10, 17],
    [['probes', 0, 'maps', 'hist_latency', 'buckets', 1], 13, 71],
    [['probes', 1, 'file'], 18, 11],
    [['sinks', 'mine', 'topic'], 25, 12],
    [['sinks', 'mine', 'nested', 'list', 1], 26, 25],
    [['sinks', 'other', 'endpoint', 'tls'], 28, 10],
    [['agent', 'workers'], 33, 12],
    [['nowhere'], 2, 1],
    [[], 2, 1],
  ] as const)('%j is at %d:%d', (path, line, column) => {
    expect(locate(path)).toEqual({ file: FILE, line, column });
  });
});

describe('expansion', () => {
  const label = (text: string, env: Record<string, string> = {}) =>
    load(`probes: [{ image: x }]\nsinks:\n  s:\n    type: t\n    v: ${text}\n`, env).config.sinks.s?.options
      .v;

  it.each([
    ['${A}', { A: 'x' }, 'x'],
    ['a-${A}-${B}', { A: 'x', B: 'y' }, 'a-x-y'],
    ['${A:-d}', {}, 'd'],
    ['${A:-d}', { A: '' }, 'd'],
    ['${A:-}b', {}, 'b'],
    ['${A:-http://h:1/}', {}, 'http://h:1/'],
    ['$$${A}', { A: 'x' }, '$x'],
    ['$${A}', {}, '${A}'],
    ['"$5 $A ^a$"', {}, '$5 $A ^a$'],
    ['${A}', { A: '${B} $$' }, '${B} $$'],
    ["'${A}'", { A: 'x' }, 'x'],
    ['"${A}"', { A: 'a: b # c' }, 'a: b # c'],
    ['${A}', { A: '[1, 2] # {' }, '[1, 2] # {'],
  ])('%s with %j is %j', (text, env, expected) => {
    expect(label(text, env as Record<string, string>)).toBe(expected);
  });

  it('gives an unquoted scalar its type afterwards, a quoted one stays text', () => {
    expect(label('${N}', { N: '5' })).toBe(5);
    expect(label('"${N}"', { N: '5' })).toBe('5');
    expect(label('${N:-true}')).toBe(true);
    expect(label('1${N}', { N: '0' })).toBe(10);
    expect(label('!!str ${N}', { N: '5' })).toBe('5');
    expect(load('probes: [{ image: x }]\nagent:\n  workers: ${N}\n', { N: '3' }).config.agent.workers).toBe(
      3,
    );
  });

  it('leaves a key unset when an unquoted variable is empty', () => {
    const { config } = load('probes:\n  - image: x\n    maps:\n      print_a:\n        filter: ${F:-}\n');
    expect(config.probes[0]?.maps.print_a).toEqual({ maxSeries: 10_000 });
  });

  it('does not touch keys', () => {
    expect(load('probes: [{ image: x, params: { "${A}": 1 } }]').config.probes[0]?.params).toEqual({
      '${A}': 1,
    });
  });

  it('knows HOSTNAME also where the environment does not', () => {
    expect(label('"${HOSTNAME}"')).toBe(hostname());
    expect(label('"${HOSTNAME}"', { HOSTNAME: 'given' })).toBe('given');
  });

  it('takes no property of the environment object for a variable', () => {
    expect(() => label('"${toString}"')).toThrow(/toString is not set/);
  });
});

describe('units', () => {
  it.each([
    ['500ms', 500],
    ['5s', 5000],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['0.5s', 500],
    ['0s', 0],
  ])('duration %s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    '5',
    's',
    '5 s',
    ' 5s',
    '5s ',
    '-5s',
    '5d',
    '5sx',
    'x5s',
    '1e3s',
    '5S',
    `${'9'.repeat(400)}h`,
  ])('duration %j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('prints durations as they are read', () => {
    for (const ms of [0, 1, 1500, 90_000, 86_400_000, 3_661_001])
      expect(parseDuration(formatDuration(ms))).toBe(ms);
  });

  it.each([
    ['64MiB', 67_108_864],
    ['10MB', 10_000_000],
    ['1.5KiB', 1536],
    ['512 B', 512],
    ['2GiB', 2 ** 31],
    ['1kB', 1000],
  ])('size %s is %d bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', '5', 'MiB', '1TiB', '-1MB', '1 mb', '1kiB'])('size %j is none', (text) => {
    expect(parseByteSize(text)).toBeUndefined();
  });

  it.each([
    ['127.0.0.1:9091', { kind: 'tcp', host: '127.0.0.1', port: 9091 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    [':9091', { kind: 'tcp', host: '', port: 9091 }],
    ['[::1]:9091', { kind: 'tcp', host: '::1', port: 9091 }],
    ['[fe80::1%eth0]:1', { kind: 'tcp', host: 'fe80::1%eth0', port: 1 }],
    ['unix:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
  ])('%s is an address', (text, address) => {
    expect(parseListen(text)).toEqual(address);
  });

  it.each(['9091', '', 'host', 'host:', 'host:x', 'host:65536', '::1:80', 'http://h:80', 'unix:', 'a b:1'])(
    '%j is no address',
    (text) => {
      expect(parseListen(text)).toBeUndefined();
    },
  );
});

describe('the JSON schema for editors', () => {
  it('is what config/schema.json holds', () => {
    const written = JSON.parse(readFileSync(new URL('../../../config/schema.json', import.meta.url), 'utf8'));
    expect(written).toEqual(configJsonSchema());
  });
});

describe('the reference page', () => {
  const page = readFileSync(new URL('../../../docs/config.md', import.meta.url), 'utf8');
  interface Node {
    properties?: Record<string, Node>;
    additionalProperties?: Node | boolean;
    items?: Node;
  }
  function keys(node: Node | undefined): string[] {
    if (!node) return [];
    const below = typeof node.additionalProperties === 'object' ? keys(node.additionalProperties) : [];
    const own = Object.entries(node.properties ?? {}).flatMap(([key, child]) => [key, ...keys(child)]);
    return [...own, ...below, ...keys(node.items)];
  }

  it('names every key', () => {
    const missing = keys(configJsonSchema()).filter((key) => !page.includes(`\`${key}\``));
    expect(missing).toEqual([]);
  });

  it('has examples that load', () => {
    const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(() => load(example, { TOKEN: 'x' })).not.toThrow();
  });
});
