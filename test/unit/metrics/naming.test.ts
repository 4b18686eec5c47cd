import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelNames, type MetricsError, metricName, renderLabels } from '../../../core/metrics/index.js';
import { expose } from '../../../plugins/prometheus/exposition.js';
import type { MetricFamily, MetricType } from '../../../plugins/sdk/index.js';

const name = (map: string, kind: MetricType, more: object = {}): string =>
  metricName({ map, kind, duration: false, ...more }).name;

const code = (make: () => unknown): string | undefined => {
  try {
    make();
    return undefined;
  } catch (error) {
    return (error as MetricsError).code;
  }
};

describe('metricName', () => {
  it.each([
    ['counter_tcp_bytes', 'counter', {}, 'ebpf_tcp_bytes_total'],
    ['counter_requests_total', 'counter', {}, 'ebpf_requests_total'],
    ['counter_openCalls', 'counter', {}, 'ebpf_open_calls_total'],
    ['counter_HTTPRequests', 'counter', {}, 'ebpf_http_requests_total'],
    ['hist_runq_us', 'histogram', {}, 'ebpf_runq'],
    ['hist_latency', 'histogram', { duration: true }, 'ebpf_latency_seconds'],
    ['hist_latency_ns', 'histogram', { duration: true }, 'ebpf_latency_seconds'],
    ['counter_busy_ms', 'counter', { duration: true }, 'ebpf_busy_seconds_total'],
    ['gauge_open_count', 'gauge', {}, 'ebpf_open'],
    ['gauge_files_total', 'gauge', {}, 'ebpf_files'],
    ['gauge_counter', 'gauge', {}, 'ebpf_value'],
    ['gauge_', 'gauge', {}, 'ebpf_value'],
    ['gauge_page_kilobytes', 'gauge', {}, 'ebpf_page'],
    ['gauge_rx_megabits', 'gauge', {}, 'ebpf_rx'],
    ['events_hash', 'counter', {}, 'ebpf_events_hash_total'],
    ['counter_flows', 'counter', { field: 'rx_bytes' }, 'ebpf_flows_rx_bytes_total'],
    ['counter_flows', 'counter', { field: 'count' }, 'ebpf_flows_count_total'],
    ['gauge_flows', 'gauge', { field: 'count' }, 'ebpf_flows_count_value'],
    ['gauge_flows', 'gauge', { field: 'sum' }, 'ebpf_flows_sum_value'],
    ['gauge_flows', 'gauge', { field: 'ns', duration: true }, 'ebpf_flows_value_seconds'],
    ['counter_flows', 'counter', { rename: 'flow_bytes_total' }, 'flow_bytes_total'],
    ['counter_flows', 'counter', { rename: 'flow_bytes' }, 'flow_bytes_total'],
    ['counter_flows', 'counter', { rename: 'flow_total', field: 'packets' }, 'flow_packets_total'],
    ['gauge_rtt', 'gauge', { rename: 'tcp_rtt', duration: true }, 'tcp_rtt_seconds'],
  ] as const)('%s, %s, %j → %s', (map, kind, more, wanted) => {
    expect(name(map, kind, more)).toBe(wanted);
  });

  it('says the unit that the name ends in, and divides nanoseconds exactly', () => {
    const seconds = metricName({ map: 'counter_busy', kind: 'counter', duration: true });
    expect([seconds.unit, 1000 / seconds.divisor]).toEqual(['seconds', 0.000001]);
    expect(metricName({ map: 'gauge_rss_bytes', kind: 'gauge', duration: false }).unit).toBe('bytes');
  });

  it.each([
    ['gauge', 'flows_total'],
    ['gauge', 'flows_count'],
    ['histogram', 'flows_bucket'],
    ['counter', 'bee_agent_probe_up'],
  ] as const)('refuses to name a %s %s', (kind, rename) => {
    expect(code(() => metricName({ map: 'm', kind, duration: false, rename }))).toBe('BAD_NAME');
  });
});

describe('labelNames', () => {
  it('joins nested names, and makes them valid', () => {
    expect(labelNames([['addr', 'port'], ['stack', '0'], ['0'], ['srcPort'], ['a::b']])).toEqual([
      'addr_port',
      'stack_0',
      '_0',
      'src_port',
      'a__b',
    ]);
  });

  it('puts exported_ before the names of ours', () => {
    const ours = ['probe', 'node', 'le', 'quantile', 'overflow', 'job', 'instance', 'region', '__name__'];
    expect(
      labelNames(
        ours.map((one) => [one]),
        ['probe', 'region'],
      ),
    ).toEqual(ours.map((one) => `exported_${one.replace(/^_+/, '')}`));
  });

  it.each([[[['a', 'b'], ['a_b']]], [[['srcIp'], ['src_ip']]], [[['le'], ['exported_le']]]])(
    'refuses %j, which flatten to one',
    (paths) => {
      expect(code(() => labelNames(paths))).toBe('LABEL_COLLISION');
    },
  );
});

/** Words that lint rules are about, among any others. */
const WORD = fc.oneof(
  fc.constantFrom(
    ...'s ms us ns sec b kb mb gb tb pb m h d total count sum bucket info created counter gauge hist'.split(
      ' ',
    ),
    ...'histogram summary untyped gauge_histogram bytes seconds bits kilobytes milliseconds kibibytes'.split(
      ' ',
    ),
    ...'nanoseconds hours minutes days weeks celsius fahrenheit kilograms pounds le quantile http Ms NS'.split(
      ' ',
    ),
    ...'openCalls HTTPServer rxBytes TotalCount x9 _ __ mebibytes decameters Total Bytes MB'.split(' '),
  ),
  fc.stringMatching(/^[A-Za-z0-9_]{1,12}$/),
);
const NAME = fc.array(WORD, { minLength: 1, maxLength: 5 }).map((words) => words.join('_'));

describe('names in the exposition', () => {
  it('give promtool nothing to complain about, whatever maps and fields are called', async () => {
    const families = new Map<string, MetricFamily>();
    fc.assert(
      fc.property(
        fc.constantFrom('counter_', 'gauge_', 'hist_', 'print_', ''),
        NAME,
        fc.constantFrom<MetricType>('counter', 'gauge', 'histogram'),
        fc.boolean(),
        fc.option(NAME, { nil: undefined }),
        fc.uniqueArray(fc.oneof(WORD, fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)), { maxLength: 4 }),
        fc.string({ unit: 'binary', maxLength: 20 }),
        (prefix, map, kind, duration, field, fields, value) => {
          const made = metricName({
            map: prefix + map,
            kind,
            duration,
            ...(field === undefined ? {} : { field }),
          });
          let names: string[] = [];
          try {
            names = labelNames(fields.map((one) => [one]));
          } catch {
            // Two that flatten to one: refused, and tested above.
          }
          const labels = [['probe', 'p'], ...names.map((label) => [label, value])] as [string, string][];
          const series = { labels, labelText: renderLabels(labels) };
          // promtool wants a name once: the first one stands for all that come out alike.
          if (families.has(made.name)) return;
          families.set(made.name, {
            name: made.name,
            type: kind,
            help: made.help,
            ...(made.unit ? { unit: made.unit } : {}),
            series: [
              kind === 'histogram'
                ? { ...series, histogram: { bounds: [1, 2], counts: [1, 0, 1], count: 2, sum: 4 } }
                : { ...series, value: 1 },
            ],
          });
        },
      ),
      { numRuns: 3000 },
    );
    expect(families.size).toBeGreaterThan(1000);
    let text = '';
    for await (const part of expose([...families.values()], 'text')) text += part;
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (checked.error) throw new Error('promtool is missing: apt-get install prometheus');
    expect(checked.stderr + checked.stdout).toBe('');
    expect(checked.status).toBe(0);
  });
});
