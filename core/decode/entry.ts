import type { Layout } from '../bpf/index.js';

/** A map's entry as one record: the key at 0, the value at the next multiple of 8. */
export function entryLayout(key: Layout, value: Layout): Layout {
  const valueOffset = Math.ceil(key.size / 8) * 8;
  const size = valueOffset + value.size;
  return {
    typeName: '',
    size,
    root: {
      kind: 'struct',
      size,
      members: [
        { name: 'key', offset: 0, node: key.root },
        { name: 'value', offset: valueOffset, node: value.root },
      ],
    },
  };
}
