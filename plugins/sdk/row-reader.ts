import { isAscii } from 'node:buffer';
import type { NumberColumn, TextColumn } from './columns.js';
import type { RowColumn, RowSet } from './raw-column.js';
import { rawReader } from './raw-reader.js';
import type { FieldValue } from './row.js';

/** Reads the data of row `index` of one column set. */
export type RowReader = (index: number) => { readonly [field: string]: FieldValue };

/** Makes a reader of one batch's columns: its accessors, one a column. */
type ReaderFactory = (accessors: readonly Accessor[]) => RowReader;
/** What the generated code calls or indexes; which of them, the column's {@link Access} says. */
type Accessor = NumberColumn['values'] | ((index: number) => FieldValue);
/** `direct`: the typed array's element is the value. `number`: …as a number. `bool`: …not 0. `call`: a function gives it. */
type Access = 'direct' | 'number' | 'bool' | 'call';

type Node = Leaf | Struct | List;
interface Leaf {
  readonly kind: 'leaf';
  readonly column: number;
  readonly access: Access;
}
interface Struct {
  readonly kind: 'struct';
  readonly fields: Map<string, Node>;
}
interface List {
  readonly kind: 'list';
  readonly length: number;
  element: Node | undefined;
}

/** Shapes seen are few (one a map and `numbers`); the bound is for a host that reloads for ever. */
const CACHE_LIMIT = 256;
const factories = new Map<string, ReaderFactory>();

/**
 * A reader of these columns. Straight-line code is generated once a shape (paths, dimensions, kinds), since object
 * literals are what V8 builds fastest; names reach it only as JSON string literals, and `__proto__` as a computed key,
 * so that they are names and nothing else.
 */
export function rowReader(set: RowSet, numbers: 'bigint' | 'safe'): RowReader {
  const accesses = set.columns.map((column) => access(column, numbers));
  const shape = JSON.stringify(set.columns.map(({ path, dims }, index) => [path, dims, accesses[index]]));
  let factory = factories.get(shape);
  if (factory === undefined) {
    factory = generate(set.columns, accesses);
    if (factories.size >= CACHE_LIMIT) factories.clear();
    factories.set(shape, factory);
  }
  return factory(set.columns.map((column, index) => accessor(column, accesses[index]!, numbers)));
}

function access(column: RowColumn, numbers: 'bigint' | 'safe'): Access {
  if (column.kind !== 'number') return 'call';
  if (column.format === 'bool') return 'bool';
  if (column.format === 'enum' || column.format === 'pointer') return 'call';
  return numbers === 'safe' && isWide(column.values) ? 'number' : 'direct';
}

function isWide(values: NumberColumn['values']): values is BigInt64Array | BigUint64Array {
  return values instanceof BigInt64Array || values instanceof BigUint64Array;
}

function accessor(column: RowColumn, kind: Access, numbers: 'bigint' | 'safe'): Accessor {
  if (column.kind === 'raw') return rawReader(column);
  if (column.kind === 'text') {
    const text = textReader(column);
    if (column.format !== 'int') return text;
    return numbers === 'safe' ? (index) => Number(text(index)) : (index) => BigInt(text(index));
  }
  const { values } = column;
  if (kind !== 'call') return values;
  if (column.format === 'pointer') return (index) => `0x${values[index]!.toString(16)}`;
  const names = column.names ?? {};
  const unknown = (value: number | bigint) => (numbers === 'safe' ? Number(value) : value);
  return (index) => {
    const value = values[index]!;
    return names[value as number] ?? unknown(value);
  };
}

/** Longest text that V8 copies when it cuts it out of another; a longer one would keep all of that alive. */
const COPIED_SLICE = 12;
/** Bytes that are made a string at a time. One string for all rows would live long enough to cost collections of everything. */
const CHUNK_BYTES = 16 << 10;

/** Reads texts by their index; cheap where the next index is near the last one. */
function textReader({ bytes, offsets }: TextColumn): (index: number) => string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = longTexts(buffer);
  let chunk = '';
  let from = 0;
  let to = 0;
  let ascii = true;
  return (index) => {
    const start = offsets[index]!;
    const end = offsets[index + 1]!;
    if (start < from || end > to) {
      from = start;
      to = Math.max(end, Math.min(start + CHUNK_BYTES, buffer.length));
      const part = buffer.subarray(from, to);
      ascii = isAscii(part);
      // Byte offsets are character offsets then.
      chunk = ascii ? part.toString('latin1') : '';
    }
    if (!ascii) return buffer.toString('utf8', start, end);
    return end - start <= COPIED_SLICE ? chunk.slice(start - from, end - from) : long(start, end);
  };
}

const REMEMBERED = 64;

/** Reads ASCII texts. Few are many rows' (names of commands, paths), so the last ones are remembered. */
function longTexts(buffer: Buffer): (start: number, end: number) => string {
  const texts: string[] = new Array(REMEMBERED).fill('');
  const starts = new Int32Array(REMEMBERED);
  return (start, end) => {
    const length = end - start;
    const slot = (buffer[end - 1]! * 5 + buffer[end - 4]! * 3 + buffer[start + 1]! + length) % REMEMBERED;
    if (texts[slot]!.length === length) {
      const there = starts[slot]!;
      let i = 0;
      while (i < length && buffer[there + i] === buffer[start + i]) i++;
      if (i === length) return texts[slot]!;
    }
    starts[slot] = start;
    texts[slot] = buffer.toString('latin1', start, end);
    return texts[slot]!;
  };
}

function generate(columns: readonly RowColumn[], accesses: readonly Access[]): ReaderFactory {
  const functions: string[] = [];
  const body = expression(tree(columns, accesses), 'i', functions);
  const names = columns.map((_, index) => `c${index}`).join(', ');
  const source = `'use strict';\nconst [${names}] = columns;\n${functions.join('\n')}\nreturn (i) => (${body});`;
  return new Function('columns', source) as ReaderFactory;
}

function tree(columns: readonly RowColumn[], accesses: readonly Access[]): Node {
  let root: Node | undefined = columns.length === 0 ? { kind: 'struct', fields: new Map() } : undefined;
  columns.forEach((column, index) => {
    root = insert(root, column, 0, 0, { kind: 'leaf', column: index, access: accesses[index]! });
  });
  return root!;
}

function insert(node: Node | undefined, column: RowColumn, at: number, dim: number, leaf: Leaf): Node {
  const name = column.path[at];
  if (name === undefined) {
    if (node !== undefined) throw conflict(column);
    return leaf;
  }
  if (name === '[]') {
    const length = column.dims[dim];
    const list: Node = node ?? { kind: 'list', length: length ?? 0, element: undefined };
    if (length === undefined || list.kind !== 'list' || list.length !== length) throw conflict(column);
    list.element = insert(list.element, column, at + 1, dim + 1, leaf);
    return list;
  }
  const struct: Node = node ?? { kind: 'struct', fields: new Map() };
  if (struct.kind !== 'struct') throw conflict(column);
  struct.fields.set(name, insert(struct.fields.get(name), column, at + 1, dim, leaf));
  return struct;
}

function conflict(column: RowColumn): Error {
  return new Error(`column ${JSON.stringify(column.path)} does not fit the other columns of its batch`);
}

/** Code of the value of `node` at flat index `index`; an array's code is a function of its own, added to `functions`. */
function expression(node: Node, index: string, functions: string[]): string {
  if (node.kind === 'leaf') return leafExpression(node, index);
  if (node.kind === 'struct') {
    const fields = [...node.fields].map(([name, field]) => {
      const key = JSON.stringify(name);
      return `${name === '__proto__' ? `[${key}]` : key}: ${expression(field, index, functions)}`;
    });
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  const element = expression(node.element!, 'j', functions);
  const name = `a${functions.length}`;
  functions.push(
    `function ${name}(i) { const out = []; for (let j = i * ${node.length}, end = j + ${node.length}; j < end; j++) out.push(${element}); return out; }`,
  );
  return `${name}(${index})`;
}

function leafExpression({ column, access }: Leaf, index: string): string {
  switch (access) {
    case 'direct':
      return `c${column}[${index}]`;
    case 'number':
      return `Number(c${column}[${index}])`;
    case 'bool':
      return `c${column}[${index}] != 0`;
    case 'call':
      return `c${column}(${index})`;
  }
}
