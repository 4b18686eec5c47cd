import type { LayoutNode, ScalarNode } from '../../bpf/index.js';
import { isStruct } from '../leaves.js';
import type { DecodePlan } from '../plan.js';
import { isNarrow, isSigned, readNarrow, readWide } from '../read.js';

/**
 * Source that writes one record to `b` at `p` (`w`: a DataView of the same bytes), and the bytes that a line needs at
 * most. Names come in as numbers, or as indices into `k`, an array of byte strings: no text from outside becomes code.
 */
export interface NdjsonSource {
  readonly body: string;
  readonly keys: readonly Uint8Array[];
  readonly enums: readonly (ScalarNode & { kind: 'enum' })[];
  readonly maxLine: number;
}

/** Longest literal that is written by stores of its own, four bytes each, instead of a call. */
const INLINE = 64;

export function ndjsonSource(plan: DecodePlan): NdjsonSource {
  const keys: Uint8Array[] = [];
  const enums: (ScalarNode & { kind: 'enum' })[] = [];
  let variables = 0;
  let maxLine = 0;

  const literal = (text: string): string => {
    const bytes = Buffer.from(text);
    if (bytes.length > INLINE) return `b.set(k[${keys.push(bytes) - 1}],p);p+=${bytes.length};`;
    const words = bytes.length >> 2;
    const stores: string[] = [];
    for (let i = 0; i < words; i++) stores.push(`w.setUint32(p+${4 * i},${bytes.readUInt32LE(4 * i)},true);`);
    for (let i = 4 * words; i < bytes.length; i++) stores.push(`b[p+${i}]=${bytes[i]};`);
    return `${stores.join('')}p+=${bytes.length};`;
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
    const lead = (text: string): string => {
      maxLine += Buffer.byteLength(text) * times;
      return literal(text);
    };
    if (isStruct(node)) {
      if (node.members.length === 0) return lead(`${prefix}{}`);
      const parts = node.members.map((member, i) =>
        emit(
          member.node,
          o,
          offset + member.offset,
          loose,
          times,
          `${i === 0 ? `${prefix}{` : ','}${JSON.stringify(member.name)}:`,
        ),
      );
      return parts.join('') + lead('}');
    }
    if (node.kind === 'array') {
      if (node.length === 0) return lead(`${prefix}[]`);
      const i = `index${variables++}`;
      const inner = `at${variables++}`;
      const unaligned = loose || node.stride % 8 !== 0 || offset % 8 !== 0;
      const start = lead(`${prefix}[`);
      maxLine += node.length * times;
      const element = emit(node.element, inner, 0, unaligned, times * node.length, '');
      return (
        `${start}for(let ${i}=0,${inner}=${o}+${offset};${i}<${node.length};${i}++,${inner}+=${node.stride}){` +
        `if(${i}!==0)b[p++]=44;${element}}${lead(']')}`
      );
    }
    return lead(prefix) + scalar(node, o, offset, loose, times);
  };
  const scalar = (node: ScalarNode, o: string, offset: number, loose: boolean, times: number): string => {
    const bound = (bytes: number): void => {
      maxLine += bytes * times;
    };
    const here = `${o}+${offset}`;
    switch (node.kind) {
      case 'string':
        bound(6 * node.size + 2);
        return `b[p++]=34;p=writeText(b,p,u8,${here},${node.size});b[p++]=34;`;
      case 'address':
        bound(50);
        if (node.family === 'ipv4') return `b[p++]=34;p=writeIpv4(b,p,u8,${here});b[p++]=34;`;
        return `b[p++]=34;p=writeAscii(b,p,address(${JSON.stringify(node.family)},u8,${here}));b[p++]=34;`;
      case 'pointer':
        bound(20);
        return `${readWide(node, o, offset, loose)}b[p++]=34;p=writeAscii(b,p,hex64(lo,hi));b[p++]=34;`;
      case 'bool':
        bound(5);
        return `if(${readNarrow(node, o, offset, loose)}!==0){${literal('true')}}else{${literal('false')}}`;
      case 'float':
        bound(26);
        return `p=writeFloat(b,p,${readNarrow(node, o, offset, loose)});`;
      case 'enum': {
        const index = enums.push(node) - 1;
        bound(
          Math.max(21, ...Object.values(node.names).map((name) => Buffer.byteLength(JSON.stringify(name)))),
        );
        if (isNarrow(node)) {
          const write = isSigned(node) ? 'writeSigned' : 'writeUnsigned';
          return `v=${readNarrow(node, o, offset, loose)};t=e[${index}].get(v);if(t!==undefined){b.set(t,p);p+=t.length;}else p=${write}(b,p,v);`;
        }
        const write = isSigned(node) ? 'writeSigned64' : 'writeUnsigned64';
        return `${readWide(node, o, offset, loose)}t=e[${index}].get(${isSigned(node) ? '(hi|0)' : 'hi'}*4294967296+lo);if(t!==undefined){b.set(t,p);p+=t.length;}else p=${write}(b,p,lo,hi);`;
      }
      case 'int':
        if (node.size === 16 && !node.bits) {
          bound(40);
          return `p=writeAscii(b,p,decimal128(u8,${here},${node.signed}));`;
        }
        bound(21);
        if (isNarrow(node))
          return `p=${node.signed ? 'writeSigned' : 'writeUnsigned'}(b,p,${readNarrow(node, o, offset, loose)});`;
        return `${readWide(node, o, offset, loose)}p=${node.signed ? 'writeSigned64' : 'writeUnsigned64'}(b,p,lo,hi);`;
    }
  };

  const data = emit(plan.record.root, 'o', 0, false, 1, '');
  return { body: data, keys, enums, maxLine: maxLine + 16 };
}
