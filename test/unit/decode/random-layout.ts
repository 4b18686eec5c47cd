import fc from 'fast-check';
import type { Layout, LayoutMember, LayoutNode, ScalarNode } from '../../../core/bpf/index.js';

/** Names as hostile BTF may hold them: BTF itself asks for identifiers, a damaged one need not. */
const memberName = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a name that would do harm in a template
      ...['__proto__', 'constructor', 'toString', 'a"b', 'a\\b', 'a\nb', '</script>', "';x", '`${1}`'],
      ...['\u2028', 'ключ', '\u0000', ' ', '', 'key', 'value', '0', 'x'.repeat(300)],
    ),
  },
);

/** Every size that BTF allows. */
const intSize = fc.integer({ min: 1, max: 16 });
const enumNames = fc.dictionary(
  fc.constantFrom(
    ...['0', '1', '2', '7', '-1', '255', '4294967295', '4294967296', '-4294967296'],
    ...['9007199254740992', '18446744073709551615', '-9223372036854775808', '7016996765293437281'],
  ),
  fc.oneof(fc.constantFrom('ON', 'OFF', 'A"B', 'é', '__proto__'), fc.string({ maxLength: 6 })),
  { noNullPrototype: true },
);

const bits = fc
  .record({ shift: fc.integer({ min: 0, max: 7 }), width: fc.integer({ min: 1, max: 64 }) })
  .map((one) => ({ bits: one, size: Math.ceil((one.shift + one.width) / 8) }));

const scalar: fc.Arbitrary<ScalarNode> = fc.oneof(
  fc.record({ kind: fc.constant('int' as const), size: intSize, signed: fc.boolean() }),
  fc
    .record({ bits, signed: fc.boolean() })
    .map(({ bits: field, signed }) => ({ kind: 'int' as const, signed, ...field })),
  fc.constantFrom<ScalarNode>(
    { kind: 'int', size: 8, signed: false, format: 'duration' },
    { kind: 'int', size: 1, signed: true, format: 'char' },
    { kind: 'float', size: 4 },
    { kind: 'float', size: 8 },
    { kind: 'bool', size: 1 },
    { kind: 'bool', size: 4 },
    { kind: 'bool', size: 8 },
    { kind: 'bool', size: 1, bits: { shift: 3, width: 1 } },
    { kind: 'pointer', size: 8 },
    { kind: 'address', family: 'ipv4', size: 4 },
    { kind: 'address', family: 'ipv6', size: 16 },
    { kind: 'address', family: 'mac', size: 6 },
  ),
  fc.integer({ min: 1, max: 21 }).map((size) => ({ kind: 'string' as const, size })),
  fc.record({
    kind: fc.constant('enum' as const),
    size: fc.constantFrom(1, 2, 4, 8),
    signed: fc.boolean(),
    names: enumNames,
  }),
);

export function sizeOf(node: LayoutNode): number {
  return node.kind === 'array' ? node.length * node.stride : node.size;
}

function node(depth: number): fc.Arbitrary<LayoutNode> {
  if (depth === 0) return scalar;
  const array = fc
    .record({
      element: node(depth - 1),
      length: fc.integer({ min: 0, max: 3 }),
      gap: fc.constantFrom(0, 0, 1, 4),
    })
    .map(({ element, length, gap }) => ({
      kind: 'array' as const,
      length,
      stride: sizeOf(element) + gap,
      element,
    }));
  return fc.oneof(
    { weight: 4, arbitrary: scalar },
    { weight: 1, arbitrary: array },
    { weight: 1, arbitrary: struct(depth - 1) },
  );
}

/** Members one after the other, with gaps that are aligned, or not; or all at 0, as in a union. */
function struct(depth: number): fc.Arbitrary<LayoutNode & { kind: 'struct' | 'union' }> {
  const member = fc.record({
    name: memberName,
    node: node(depth),
    gap: fc.constantFrom(0, 0, 0, 1, 3),
    align: fc.constantFrom(1, 4, 8),
  });
  return fc
    .record({
      members: fc.uniqueArray(member, { minLength: 0, maxLength: 6, selector: ({ name }) => name }),
      union: fc.boolean(),
      tail: fc.constantFrom(0, 0, 1, 5),
    })
    .map(({ members, union, tail }) => {
      const placed: LayoutMember[] = [];
      let end = 0;
      for (const { name, node: inner, gap, align } of members) {
        const offset = union ? 0 : Math.ceil((end + gap) / align) * align;
        placed.push({ name, offset, node: inner });
        end = Math.max(end, offset + sizeOf(inner));
      }
      return { kind: union ? ('union' as const) : ('struct' as const), size: end + tail, members: placed };
    });
}

export const randomLayout: fc.Arbitrary<Layout> = struct(3).map((root) => ({
  typeName: 'struct random',
  size: root.size,
  root,
}));

/** Bytes with many NULs, high bytes and repetitions, so that strings end, break UTF-8 and meet again. */
export const randomBytes = (size: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: size, maxLength: size }).chain((bytes) =>
    fc
      .constantFrom<(byte: number) => number>(
        (byte) => byte,
        (byte) => (byte < 100 ? 0 : byte),
        (byte) => byte & 1,
        (byte) => 0x20 + (byte % 0x5f),
        (byte) => (byte & 1 ? 0xff : 0x61),
        (byte) => [0, 0x61, 0xc3, 0xa9, 0xe2, 0x22, 0x5c, 0x0a][byte & 7]!,
      )
      .map((change) => bytes.map(change)),
  );
