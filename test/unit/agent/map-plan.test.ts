import { describe, expect, it } from 'vitest';
import type { MapConfig } from '../../../config/index.js';
import { type MapPlan, planMaps } from '../../../core/agent/plan/map-plan.js';
import type { Layout, LayoutNode, MapSpec } from '../../../core/bpf/index.js';

const int = (size: number): LayoutNode => ({ kind: 'int', size, signed: false });
const many: LayoutNode = { kind: 'array', length: 5000, stride: 8, element: int(8) };

/** A struct of these members, one after the other, each at a multiple of 16. */
function struct(members: Readonly<Record<string, LayoutNode>>): Layout {
  let end = 0;
  const placed = Object.entries(members).map(([name, node]) => {
    const offset = end;
    const size = node.kind === 'array' ? node.length * node.stride : node.size;
    end = Math.ceil((offset + size) / 16) * 16;
    return { name, offset, node };
  });
  return { typeName: 'struct s', size: end, root: { kind: 'struct', size: end, members: placed } };
}

const scalar = (size: number): Layout => ({ typeName: '', size, root: int(size) });

/** What becomes of one map of this name; the message when nothing does. */
function plan(
  name: string,
  layouts: { key?: Layout; value: Layout },
  config: Partial<MapConfig> = {},
): MapPlan | string {
  const [prefix] = name.split('_');
  const map: MapSpec = {
    name,
    section: '.maps',
    type: layouts.key ? 'hash' : 'ringbuf',
    maxEntries: 16,
    flags: 0,
    keySize: layouts.key?.size ?? 0,
    valueSize: layouts.value.size,
    ...layouts,
    index: 0,
    kind: prefix as MapSpec['kind'],
  };
  const { plans, problems } = planMaps(
    { license: 'GPL', programs: [], maps: [map], params: [] },
    {
      probe: 'p',
      path: ['probes', 0],
      maps: { [name]: { interval: 1000, maxSeries: 100, ...config } },
      labels: {},
      ndjson: true,
      columns: 'none',
      layoutOf: () => {
        throw new Error('no types');
      },
    },
  );
  return problems[0]?.message ?? plans[0]!;
}

describe('maps of more than 4,096 values', () => {
  const record = struct({ bytes: int(8), words: many });

  it('name the field that is not there, not the labels', () => {
    expect(plan('counter_x', { value: record }, { value: 'byts', labels: [] })).toMatch(
      /there is no field "byts"\. Did you mean "bytes"\? There is: bytes, words\[0\]/,
    );
    expect(plan('gauge_x', { key: scalar(4), value: record }, { value: 'value.wrds' })).toMatch(
      /no field "value\.wrds"/,
    );
    expect(plan('gauge_x', { value: record })).toMatch(/one field: say which with `value:`.*There is: bytes/);
  });

  it('want to be told which value, and then work', () => {
    expect(plan('gauge_x', { key: scalar(4), value: record })).toMatch(
      /value has more than 4096 values: choose by name, with `labels:` and `value:`/,
    );
    const chosen = plan('gauge_x', { key: scalar(4), value: record }, { value: 'words[4999]' });
    expect(chosen).toMatchObject({ decode: { group: { values: [['value', 'words', '4999']] } } });
    const histogram = plan('hist_x', { key: scalar(4), value: record }, { value: 'bytes' });
    expect(histogram).toMatchObject({ decode: { group: { bucket: ['key'] } } });
  });
});

describe('values of 128 bits', () => {
  it('are numbers as others are', () => {
    const gauge = plan('gauge_x', { key: scalar(4), value: struct({ total: int(16), few: int(4) }) });
    expect(gauge).toMatchObject({
      decode: {
        group: {
          values: [
            ['value', 'total'],
            ['value', 'few'],
          ],
        },
      },
    });
    expect(plan('counter_x', { value: struct({ total: int(16) }) }, { value: 'total' })).toMatchObject({
      decode: { group: { values: [['total']] } },
    });
  });
});

describe('values that are none', () => {
  it('are refused with what they are', () => {
    const text: LayoutNode = { kind: 'string', size: 8 };
    expect(plan('counter_x', { value: struct({ name: text }) }, { value: 'name' })).toMatch(
      /field "name" is a string, not a number/,
    );
    expect(plan('counter_x', { key: scalar(4), value: struct({ name: text }) })).toMatch(/no numeric field/);
  });

  it('are floats where counts are wanted, which could be no number', () => {
    const double: LayoutNode = { kind: 'float', size: 8 };
    for (const config of [{}, { value: 'real' }])
      expect(plan('hist_x', { key: scalar(4), value: struct({ real: double }) }, config)).toMatch(
        /"value\.real" is a float, and what a histogram of a hash or array holds are counts/,
      );
    // A ring's are observed, not counted.
    expect(plan('hist_x', { value: struct({ real: double }) }, { value: 'real' })).toMatchObject({
      decode: { group: { values: [['real']] } },
    });
  });
});
