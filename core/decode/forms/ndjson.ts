import type { EnumNode, IntNode, LayoutNode, ScalarNode } from '../../bpf/index.js';
import { DecodeError } from '../error.js';
import { hasScalars, isStruct } from '../leaves.js';
import type { DecodePlan } from '../plan.js';
import { isHuge, isNarrow, readBool, readNarrow, readWide } from '../read.js';
import { ipv4Source, narrowSource, wideSource } from './value-source.js';

/** An enum's names as JSON, by value: bigints are those of 64-bit enums below 0 or from 2^53. */
export type EnumTable = ReadonlyMap<number | bigint, Uint8Array>;

/**
 * Source of the statements that write a record's data and the end of its line, and the bytes that it needs at most. Names come in as
 * indices into `k` and `e`, so that no text from outside becomes code.
 */
export interface NdjsonSource {
  readonly body: string;
  readonly keys: readonly Uint8Array[];
  readonly enums: readonly EnumTable[];
  readonly maxBytes: number;
  /** Whether the statements are few enough for a loop's body. */
  readonly isSmall: boolean;
}

/**
 * Longest literal that is written by stores of its own instead of a call: eight bytes each, as a double, which no
 * UTF-8 makes a NaN (its bytes 0xf0 and 0x7f would have to follow each other). The last store may write zeros beyond
 * the literal, where what follows is written over them.
 */
const INLINE = 64;
/** Bytes so written in one function: V8 leaves huge ones slow. */
const INLINE_TOTAL = 16 * 1024;
/** Values of a record that are written without calls, likewise: in one of more they would be most of the code. */
const INLINE_VALUES = 64;
/** A line that could be longer is refused when the plan is made, not when the memory is gone. */
const MAX_LINE = 1 << 28;

export function ndjsonSource({ record, map }: DecodePlan): NdjsonSource {
  const keys: Uint8Array[] = [];
  const enums = new EnumTables();
  let inlined = 0;
  const isSmall = placesOf(record.root) <= INLINE_VALUES;
  let variables = 0;
  let maxBytes = 0;

  const literal = (text: string): string => {
    const bytes = Buffer.from(text);
    if (bytes.length > INLINE || inlined + bytes.length > INLINE_TOTAL)
      return `b.set(k[${keys.push(bytes) - 1}],p);p+=${bytes.length};`;
    inlined += bytes.length;
    let source = '';
    for (let i = 0; i < bytes.length; i += 8) {
      const word = Buffer.alloc(8);
      bytes.copy(word, 0, i, i + 8);
      source += `w.setFloat64(p+${i},${word.readDoubleLE()},true);`;
    }
    return `${source}p+=${bytes.length};`;
  };
  /** Text that is written together with what follows it. */
  let pending = '';
  const flush = (): string => {
    const text = pending;
    pending = '';
    return text === '' ? '' : literal(text);
  };
  const add = (text: string, times: number): void => {
    maxBytes += Buffer.byteLength(text) * times;
    pending += text;
  };
  /** `times`: how often this is written, for the bound. */
  const emit = (
    node: LayoutNode,
    o: string,
    offset: number,
    loose: boolean,
    times: number,
    prefix: string,
  ): string => {
    add(prefix, times);
    if (isStruct(node)) {
      // A member without a value (a struct of nothing but padding) has no column either.
      const members = node.members.filter((member) => hasScalars(member.node));
      add('{', times);
      let source = '';
      for (const [i, member] of members.entries()) {
        const name = `${i === 0 ? '' : ','}${JSON.stringify(member.name)}:`;
        source += emit(member.node, o, offset + member.offset, loose, times, name);
      }
      add('}', times);
      return source;
    }
    if (node.kind === 'array') {
      add('[', times);
      if (node.length === 0) {
        add(']', times);
        return '';
      }
      const i = `index${variables++}`;
      const inner = `at${variables++}`;
      const unaligned = loose || node.stride % 8 !== 0 || offset % 8 !== 0;
      const start = flush();
      maxBytes += node.length * times;
      const element = emit(node.element, inner, 0, unaligned, times * node.length, '') + flush();
      add(']', times);
      return (
        `${start}for(let ${i}=0,${inner}=${o}+${offset};${i}<${node.length};${i}++,${inner}+=${node.stride}){` +
        `if(${i}!==0)b[p++]=44;${element}}`
      );
    }
    return scalar(node, o, offset, loose, times);
  };
  const ipv4 = (at: string): string => (isSmall ? ipv4Source(at) : `p=writeIpv4(w,p,u8,${at});`);
  /** Writes the narrow integer `value`, or the wide one in `lo` and `hi`. */
  const number = (node: IntNode | EnumNode, value: string): string => {
    const sign = node.signed ? 'Signed' : 'Unsigned';
    if (isSmall) return isNarrow(node) ? narrowSource(node, value) : wideSource(node);
    return isNarrow(node) ? `p=write${sign}(w,p,${value});` : `p=write${sign}64(w,p,lo,hi);`;
  };
  const scalar = (node: ScalarNode, o: string, offset: number, loose: boolean, times: number): string => {
    const bound = (bytes: number): void => {
      maxBytes += bytes * times;
    };
    const here = `${o}+${offset}`;
    const quoted = (most: number, write: string): string => {
      bound(most);
      add('"', times);
      const source = flush() + write;
      add('"', times);
      return source;
    };
    switch (node.kind) {
      case 'string':
        return quoted(6 * node.size, `p=writeText(b,w,p,u8,view,${here},${node.size});`);
      case 'address':
        if (node.family === 'ipv4') return quoted(16, ipv4(here));
        return quoted(48, `p=writeAscii(b,p,address("${node.family}",u8,${here}));`);
      case 'pointer':
        return quoted(18, `${readWide(node, o, offset, loose)}p=writeAscii(b,p,hex64(lo,hi));`);
      case 'bool':
        bound(5);
        return `${flush()}if(${readBool(node, o, offset)}){${literal('true')}}else{${literal('false')}}`;
      case 'float':
        bound(26);
        return `${flush()}p=writeFloat(b,p,${readNarrow(node, o, offset, loose)});`;
      case 'enum': {
        const table = enums.of(node);
        bound(Math.max(21, enums.longest(node)));
        return `${flush()}${key(node, o, offset, loose)}t=e[${table}].get(v);if(t!==undefined){b.set(t,p);p+=t.length;}else{${number(node, 'v')}}`;
      }
      case 'int':
        if (isHuge(node)) {
          bound(40);
          return `${flush()}p=writeAscii(b,p,bigInteger(u8,${here},${node.size},${node.signed}).toString());`;
        }
        bound(21);
        if (isNarrow(node)) return flush() + number(node, readNarrow(node, o, offset, loose));
        return `${flush()}${readWide(node, o, offset, loose)}${number(node, '')}`;
    }
  };

  let body = emit(record.root, 'o', 0, false, 1, '');
  add('}\n', 1);
  body += flush();
  if (maxBytes > MAX_LINE) {
    throw new DecodeError(
      'LAYOUT',
      `an event of ${map} (${record.typeName || 'its type'}) may need ${maxBytes} bytes of JSON, more than ${MAX_LINE}`,
    );
  }
  return { body, keys, enums: enums.tables, maxBytes, isSmall };
}

/** In how many places of the code values are written. */
function placesOf(node: LayoutNode): number {
  if (node.kind === 'array') return placesOf(node.element);
  return isStruct(node) ? node.members.reduce((sum, member) => sum + placesOf(member.node), 0) : 1;
}

/** Sets `v` to what an enum's table knows its value by. */
function key(node: EnumNode, o: string, offset: number, loose: boolean): string {
  if (isNarrow(node)) return `v=${readNarrow(node, o, offset, loose)};`;
  // A number where the table has one: a bigint a record is dear.
  return `${readWide(node, o, offset, loose)}v=hi<0x200000?hi*4294967296+lo:wide(lo,hi,${node.signed});`;
}

/** One table an enum, however many fields are of it. */
class EnumTables {
  readonly tables: EnumTable[] = [];
  private readonly known = new Map<EnumNode['names'], { narrow?: number; wide?: number; longest: number }>();

  of(node: EnumNode): number {
    const entry = this.entry(node);
    const width = isNarrow(node) ? 'narrow' : 'wide';
    const isNumber = (value: bigint): boolean => width === 'narrow' || (value >= 0n && value < 1n << 53n);
    entry[width] ??=
      this.tables.push(
        new Map(
          Object.entries(node.names).map(([value, name]) => [
            isNumber(BigInt(value)) ? Number(value) : BigInt(value),
            Buffer.from(JSON.stringify(name)),
          ]),
        ),
      ) - 1;
    return entry[width];
  }

  longest(node: EnumNode): number {
    return this.entry(node).longest;
  }

  private entry({ names }: EnumNode): { narrow?: number; wide?: number; longest: number } {
    let entry = this.known.get(names);
    if (!entry) {
      let longest = 0;
      for (const name of Object.values(names))
        longest = Math.max(longest, Buffer.byteLength(JSON.stringify(name)));
      entry = { longest };
      this.known.set(names, entry);
    }
    return entry;
  }
}
