import type { AddressNode, EnumNode, Layout, LayoutNode, ScalarNode, StringNode } from '../../bpf/index.js';
import { parseAddress } from '../address.js';
import { DecodeError } from '../error.js';
import { columnLeaves, findPlace, isStruct, type Leaf, spell } from '../leaves.js';
import type { DecodePlan } from '../plan.js';
import { isHuge, isNarrow, isSigned, readBool, readNarrow, readWideFirst } from '../read.js';
import { noSuchField, suggest } from '../suggestion.js';
import type { Literal } from './literal.js';
import type { FieldName, Filter, Operator } from './parse.js';

/** A filter as the source of a boolean expression over a record at `o`; `constants` is what its `c[i]` stand for. */
export interface CompiledFilter {
  readonly source: string;
  readonly constants: readonly Uint8Array[];
}

/** Throws {@link DecodeError} with a column for unknown fields and comparisons that make no sense. */
export function compileFilter(filter: Filter, layout: Layout, source: DecodePlan['source']): CompiledFilter {
  const constants: Uint8Array[] = [];
  const constant: Constant = (bytes) => `c[${constants.push(bytes) - 1}]`;

  const walk = (node: Filter): string => {
    switch (node.kind) {
      case 'and':
        return `(${walk(node.left)}&&${walk(node.right)})`;
      case 'or':
        return `(${walk(node.left)}||${walk(node.right)})`;
      case 'not':
        return `!${walk(node.operand)}`;
      case 'test': {
        const leaf = lookUp(layout, node.field, source);
        if (leaf.node.kind === 'bool') return readBool(leaf.node, 'o', leaf.offset);
        throw new DecodeError(
          'FILTER_TYPE',
          `"${node.field.name}" is no bool: compare it with something, as in ${node.field.name} != 0`,
          node.field.column,
        );
      }
      case 'compare':
        return compare({ ...node, leaf: lookUp(layout, node.field, source), constant });
    }
  };
  return { source: walk(filter), constants };
}

/** Makes a constant's bytes known to the generated code; returns how it names them. */
type Constant = (bytes: Uint8Array) => string;

interface Comparison<N extends ScalarNode = ScalarNode> {
  readonly leaf: Leaf & { readonly node: N };
  readonly field: FieldName;
  readonly operator: Operator;
  readonly literal: Literal;
  readonly constant: Constant;
}

function lookUp(layout: Layout, field: FieldName, source: DecodePlan['source']): Leaf {
  const place = findPlace(layout, field.name, source);
  if (place && isScalar(place.node)) return { ...place, node: place.node };
  if (place) {
    const first = columnLeaves({ ...layout, root: place.node })[0];
    const example = first ? `, as in ${spell([...field.name.split('.'), ...first.path])}` : '';
    throw new DecodeError(
      'FILTER_TYPE',
      `"${field.name}" is ${place.node.kind === 'array' ? 'an array' : `a ${place.node.kind}`}: name one of its values${example}`,
      field.column,
    );
  }
  throw new DecodeError('UNKNOWN_FIELD', noSuchField(field.name, layout, source), field.column);
}

function isScalar(node: LayoutNode): node is ScalarNode {
  return !isStruct(node) && node.kind !== 'array';
}

function compare(comparison: Comparison): string {
  const { leaf, field, operator } = comparison;
  const { node } = leaf;
  if (node.kind === 'string') return compareText({ ...comparison, leaf: { ...leaf, node } });
  if (isOfText(operator)) {
    throw new DecodeError(
      'FILTER_TYPE',
      `"${field.name}" is no text: ${operator} does not apply`,
      field.column,
    );
  }
  if (node.kind === 'address') return compareAddress({ ...comparison, leaf: { ...leaf, node } });
  if (node.kind === 'bool') {
    const { value } = comparison.literal;
    if (value !== true && value !== false && value !== 0n && value !== 1n)
      return wrong(comparison, 'true or false');
    return `((${readBool(node, 'o', leaf.offset)}?1:0)${js(operator)}${Number(value)})`;
  }
  if (node.kind === 'enum' && typeof comparison.literal.value === 'string')
    return compareName({ ...comparison, leaf: { ...leaf, node } });
  return compareNumber(comparison);
}

function wrong({ field, literal }: Comparison, wanted: string): never {
  throw new DecodeError('FILTER_TYPE', `"${field.name}" is compared with ${wanted}`, literal.column);
}

const TEXT_FUNCTIONS = {
  '==': 'textEquals',
  startsWith: 'textStarts',
  endsWith: 'textEnds',
  contains: 'textContains',
} as const;

function isOfText(operator: Operator): boolean {
  return operator === 'startsWith' || operator === 'endsWith' || operator === 'contains';
}

function compareText(comparison: Comparison<StringNode>): string {
  const { leaf, field, operator, literal, constant } = comparison;
  if (typeof literal.value !== 'string') return wrong(comparison, '"text"');
  if (operator === '<' || operator === '<=' || operator === '>' || operator === '>=') {
    throw new DecodeError(
      'FILTER_TYPE',
      `text has no order: "${field.name}" takes ==, !=, startsWith, endsWith and contains`,
      field.column,
    );
  }
  const call = (name: string): string =>
    `${name}(u8,o+${leaf.offset},${leaf.node.size},${constant(Buffer.from(literal.value as string))})`;
  return operator === '!=' ? `!${call('textEquals')}` : call(TEXT_FUNCTIONS[operator]);
}

const ADDRESS_EXAMPLES = { ipv4: '192.0.2.1', ipv6: '2001:db8::1', mac: '00:00:5e:00:53:01' } as const;

function compareAddress(comparison: Comparison<AddressNode>): string {
  const { leaf, field, operator, literal, constant } = comparison;
  const { family } = leaf.node;
  if (operator !== '==' && operator !== '!=')
    throw new DecodeError('FILTER_TYPE', 'addresses take == and !=', field.column);
  const bytes = typeof literal.value === 'string' ? parseAddress(family, literal.value) : undefined;
  const kind = { ipv4: 'an IPv4 address', ipv6: 'an IPv6 address', mac: 'a MAC address' }[family];
  if (!bytes) return wrong(comparison, `${kind} in quotes, such as "${ADDRESS_EXAMPLES[family]}"`);
  const call = `bytesEqual(u8,o+${leaf.offset},${constant(bytes)})`;
  return operator === '!=' ? `!${call}` : call;
}

/** By name, an enum is any of the values that are shown so. */
function compareName(comparison: Comparison<EnumNode>): string {
  const { leaf, operator, literal } = comparison;
  const { names } = leaf.node;
  const values = Object.keys(names).filter((value) => names[value] === literal.value);
  if (values.length === 0) {
    const known = Object.values(names);
    if (known.length === 0) {
      throw new DecodeError(
        'FILTER_TYPE',
        `the object does not say the names of this enum's values (clang does from version 15 on for 64 bits): compare with a number`,
        literal.column,
      );
    }
    throw new DecodeError(
      'FILTER_TYPE',
      `the enum has no ${JSON.stringify(literal.value)}.${suggest(literal.value as string, known.slice(0, 4096))} It has: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ', …' : ''}`,
      literal.column,
    );
  }
  if (values.length > 1 && operator !== '==' && operator !== '!=') {
    throw new DecodeError(
      'FILTER_TYPE',
      `${literal.text} is the name of several values: it takes == and !=`,
      literal.column,
    );
  }
  const each = values.map((value) =>
    compareNumber({ ...comparison, literal: { ...literal, value: BigInt(value) } }),
  );
  return `(${each.join(operator === '!=' ? '&&' : '||')})`;
}

function compareNumber(comparison: Comparison): string {
  const { leaf, operator, literal } = comparison;
  const { node, offset } = leaf;
  const { value } = literal;
  if (typeof value === 'string') return wrong(comparison, 'a number');
  if (typeof value === 'boolean') return wrong(comparison, 'a number, not with true or false');
  if (node.kind === 'float') {
    const number = Number(value);
    if (!Number.isFinite(number)) return wrong(comparison, 'a number that a double can hold');
    return `(${readNarrow(node, 'o', offset)}${js(operator)}(${number}))`;
  }
  if (typeof value !== 'bigint') return wrong(comparison, 'a whole number');
  if (isHuge(node))
    return `(bigInteger(u8,o+${offset},${node.size},${node.signed})${js(operator)}(${value}n))`;
  // Rounding a constant beyond 2^53 cannot change how 32 bits compare with it.
  if (isNarrow(node)) return `(${readNarrow(node, 'o', offset)}${js(operator)}(${Number(value)}))`;
  return compareWide(node, offset, operator, value);
}

function compareWide(node: ScalarNode, offset: number, operator: Operator, value: bigint): string {
  const signed = isSigned(node);
  const min = signed ? -(1n << 63n) : 0n;
  const max = signed ? (1n << 63n) - 1n : (1n << 64n) - 1n;
  if (value < min) return String(operator === '>' || operator === '>=' || operator === '!=');
  if (value > max) return String(operator === '<' || operator === '<=' || operator === '!=');
  const bits = BigInt.asUintN(64, value);
  const low = Number(bits & 0xffffffffn);
  const high = Number(bits >> 32n);
  const read = readWideFirst(node, 'o', offset);
  if (operator === '==') return `(${read},lo===${low}&&hi===${high})`;
  if (operator === '!=') return `(${read},lo!==${low}||hi!==${high})`;
  const hi = signed ? '(hi|0)' : 'hi';
  const wanted = signed ? high | 0 : high;
  const strict = operator[0];
  return `(${read},${hi}${strict}${wanted}||(${hi}===${wanted}&&lo${operator}${low}))`;
}

function js(operator: Operator): string {
  return operator === '==' ? '===' : operator === '!=' ? '!==' : operator;
}
