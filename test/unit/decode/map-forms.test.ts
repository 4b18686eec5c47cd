import { expect, it, vi } from 'vitest';
import type { Layout } from '../../../core/bpf/index.js';
import { MapForms } from '../../../core/decode/map-forms.js';
import { NO_OFFSET, planOf, recordSet } from './records.js';

const LAYOUT: Layout = {
  typeName: 'struct r',
  size: 4,
  root: {
    kind: 'struct',
    size: 4,
    members: [{ name: 'a', offset: 0, node: { kind: 'int', size: 4, signed: false } }],
  },
};

it('keeps nothing of a drain that cannot be rendered for followers: its records come again', () => {
  const form = new MapForms(planOf(LAYOUT, { columns: 'rendered' }), 10);
  const records = recordSet([Uint8Array.of(7, 0, 0, 0)]);
  const drain = () => {
    const output = form.decode(records, NO_OFFSET, 1n);
    return form.follow(records, output, { at: 0, clock: NO_OFFSET, time: 1n, follow: true });
  };
  const render = vi.spyOn(form.renderer, 'decode').mockImplementationOnce(() => {
    throw new Error('it cannot');
  });
  expect(drain).toThrow('it cannot');
  expect(drain()?.lineEnds).toHaveLength(1);
  render.mockRestore();
  expect(form.tail?.last(10)).toHaveLength(1);
});
