import type { EnumNode, Layout, ScalarNode } from '../../bpf/index.js';
import { DecodeError } from '../error.js';
import { findLeaf, type Leaf, scalarLeaves } from '../leaves.js';
import type { DecodePlan } from '../plan.js';
import { isNarrow, isSigned, readNarrow, readWide } from '../read.js';
import { stringEnd } from '../text.js';
import type { FieldName, Filter, Literal, Operator } from './parse.js';

/** A filter as the source of a boolean expression over a record at `o`; `constants` is what its `c[i]` stand for. */
export interface CompiledFilter {
  readonly source: string;
  readonly constants: readonly Uint8Array[];
}

/** Throws {@link DecodeError} with a column for unknown fields and comparisons that make no sense. */
export function compileFilter(filter: Filter, layout: Layout, source: DecodePlan['source']): CompiledFilter {
  const constants: Uint8Array[] = [];
  const constant = (bytes: Uint8Array): string => `c[${constants.push(bytes) - 1}]`;

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
        if (leaf.node.kind !== 'bool') {
          throw new DecodeError(
            'FILTER_TYPE',
            `"${node.field.name}" is no bool: compare it with something, as in ${node.field.name} != 0`,
            node.field.column,
          );
        }
        return `(${readNarrow(leaf.node, 'o', leaf.offset)}!==0)`;
      }
      case 'compare':
        return compare(lookUp(layout, node.field, source), node.field, node.operator, node.literal, constant);
    }
  };
  return { source: walk(filter), constants };
}

function lookUp(layout: Layout, field: FieldName, source: DecodePlan['source']): Leaf {
  const leaf = findLeaf(layout, field.name, source);
  if (leaf) return leaf;
  const names = scalarLeaves(layout).map((one) => one.path.join('.'));
  throw new DecodeError(
    'UNKNOWN_FIELD',
    `there is no field "${field.name}". There is: ${names.slice(0, 20).join(', ')}`,
    field.column,
  );
}

function compare(
  leaf: Leaf,
  field: FieldName,
  operator: Operator,
  literal: Literal,
  constant: (bytes: Uint8Array) => string,
): string {
  const { node, offset } = leaf;
  const wrong = (wanted: string): never => {
    throw new DecodeError('FILTER_TYPE', `"${field.name}" is compared with ${wanted}`, literal.column);
  };
  const isText = operator === 'startsWith' || operator === 'endsWith' || operator === 'contains';
  if (node.kind === 'string') {
    if (typeof literal.value !== 'string') return wrong('"text"');
    if (!isText && operator !== '==' && operator !== '!=') {
      throw new DecodeError(
        'FILTER_TYPE',
        `text has no order: "${field.name}" takes ==, !=, startsWith, endsWith and contains`,
        field.column,
      );
    }
    const call = `${TEXT_FUNCTIONS[operator]}(u8,o+${offset},${node.size},${constant(Buffer.from(literal.value))})`;
    return operator === '!=' ? `!${call}` : call;
  }
  if (isText)
    throw new DecodeError(
      'FILTER_TYPE',
      `"${field.name}" is no text: ${operator} does not apply`,
      field.column,
    );
  if (node.kind === 'address') {
    if (typeof literal.value !== 'string') return wrong('an address in quotes');
    if (operator !== '==' && operator !== '!=')
      throw new DecodeError('FILTER_TYPE', 'addresses take == and !=', field.column);
    const call = `sameAddress(${JSON.stringify(node.family)},u8,o+${offset},${JSON.stringify(literal.value.toLowerCase())})`;
    return operator === '!=' ? `!${call}` : call;
  }
  if (node.kind === 'bool') {
    const value = typeof literal.value === 'boolean' ? Number(literal.value) : literal.value;
    if (value !== 0 && value !== 1 && value !== 0n && value !== 1n) return wrong('true or false');
    return `((${readNarrow(node, 'o', offset)}!==0?1:0)${js(operator)}${Number(value)})`;
  }
  const value =
    node.kind === 'enum' && typeof literal.value === 'string' ? enumValue(node, literal) : literal.value;
  if (typeof value === 'string') return wrong('a number');
  if (typeof value === 'boolean') return wrong('a number, not with true or false');
  if (isNarrow(node)) return `(${readNarrow(node, 'o', offset)}${js(operator)}(${Number(value)}))`;
  if (node.kind === 'int' && node.size === 16) {
    throw new DecodeError(
      'FILTER_TYPE',
      `"${field.name}" has 128 bits: filters compare up to 64`,
      field.column,
    );
  }
  if (typeof value !== 'bigint') return wrong('a whole number');
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
  const read = readWide(node, 'o', offset).replace(/;$/, '').replaceAll(';', ',');
  if (operator === '==') return `(${read},lo===${low}&&hi===${high})`;
  if (operator === '!=') return `(${read},lo!==${low}||hi!==${high})`;
  const hi = signed ? '(hi|0)' : 'hi';
  const wanted = signed ? high | 0 : high;
  const strict = operator[0];
  return `(${read},${hi}${strict}${wanted}||(${hi}===${wanted}&&lo${operator}${low}))`;
}

function enumValue(node: EnumNode, literal: Literal): bigint {
  const found = Object.entries(node.names).find(([, name]) => name === literal.value);
  if (found) return BigInt(found[0]);
  throw new DecodeError(
    'FILTER_TYPE',
    `the enum has no ${JSON.stringify(literal.value)}. It has: ${Object.values(node.names).slice(0, 20).join(', ')}`,
    literal.column,
  );
}

function js(operator: Operator): string {
  return operator === '==' ? '===' : operator === '!=' ? '!==' : operator;
}

const TEXT_FUNCTIONS: Readonly<Record<string, string>> = {
  '==': 'textEquals',
  '!=': 'textEquals',
  startsWith: 'textStarts',
  endsWith: 'textEnds',
  contains: 'textContains',
};

/** What the expression calls, besides the views. */
export const filterFunctions = {
  textEquals(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
    if (wanted.length > size || (wanted.length < size && u8[start + wanted.length] !== 0)) return false;
    return matchesAt(u8, start, wanted);
  },
  textStarts(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
    return wanted.length <= size && matchesAt(u8, start, wanted);
  },
  textEnds(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
    const end = stringEnd(u8, start, start + size);
    return wanted.length <= end - start && matchesAt(u8, end - wanted.length, wanted);
  },
  textContains(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
    const end = stringEnd(u8, start, start + size) - wanted.length;
    for (let i = start; i <= end; i++) if (matchesAt(u8, i, wanted)) return true;
    return false;
  },
};

function matchesAt(u8: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (u8[start + i] !== wanted[i]) return false;
  return true;
}
