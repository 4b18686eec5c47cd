import type { ScalarNode } from '../../bpf/index.js';
import type { Leaf } from '../leaves.js';
import { isHuge, isNarrow, readBool, readNarrow, readWide } from '../read.js';

/** Longest text whose words are handled one by one in generated code; what is longer is packed by a call. */
const UNROLLED = 64;
/** Words of a key that generated code has in variables; the others are in the array `K`. */
const VARIABLES = 32;

/** 32-bit words that a label's value takes in a key. */
export function keyWords(node: ScalarNode): number {
  if (node.kind === 'string' || node.kind === 'address' || isHuge(node)) return Math.ceil(node.size / 4);
  if (node.kind === 'float') return node.size / 4;
  return node.kind === 'bool' || isNarrow(node) ? 1 : 2;
}

/** Generated code that deals with the keys of a map. */
export interface KeySource {
  /** Declares the variables that the rest uses. */
  readonly variables: string;
  /** Sets the key to that of the record at `o`; hashed: and `h` to its hash. */
  readonly read: string;
  /** Whether the key is the one at index `b` of `keys`. */
  readonly equal: string;
  /** Puts all of the key into `K`. */
  readonly store: string;
}

/** A key is the canonical bytes of the labels: strings end at their NUL, booleans are 0 or 1. */
export function keySource(labels: readonly Leaf[], { hashed }: { readonly hashed: boolean }): KeySource {
  const hash = hashed ? HASH : '';
  let word = 0;
  let read = 'h=0;';
  const variables: string[] = [];
  const equal: string[] = [];
  const mix = (value: string): string => {
    const name = word < VARIABLES ? `k${word}` : `K[${word}]`;
    if (word < VARIABLES) variables.push(name);
    equal.push(`keys[b+${word}]===${name}`);
    word++;
    return `${name}=w=${value};${hash}`;
  };
  for (const { node, offset } of labels) {
    if (node.kind === 'string' && node.size > UNROLLED) {
      const end = word + keyWords(node);
      read += `packText(K,${word},u8,o+${offset},${node.size});${hashed ? `for(let i=${word};i<${end};i++){w=K[i];${HASH}}` : ''}`;
      equal.push(`sameWords(keys,b,K,${word},${end})`);
      word = end;
    } else if (node.kind === 'string') read += stringWords(node.size, offset, mix);
    else if (node.kind === 'address' || node.kind === 'float' || isHuge(node)) {
      for (let i = 0; i < node.size; i += 4) read += mix(bytesWord(offset + i, Math.min(4, node.size - i)));
    } else if (node.kind === 'bool') read += mix(`${readBool(node, 'o', offset)}?1:0`);
    else if (isNarrow(node)) read += mix(`(${readNarrow(node, 'o', offset)})>>>0`);
    else read += `${readWide(node, 'o', offset)}${mix('lo>>>0')}${mix('hi>>>0')}`;
  }
  return {
    variables: variables.map((name) => `let ${name}=0;`).join(''),
    read,
    equal: equal.join('&&') || 'true',
    store: variables.map((name) => `K[${name.slice(1)}]=${name};`).join(''),
  };
}

const HASH = 'h=Math.imul(h^w,0x9e3779b1)^(h>>>13);';

/** The hash that generated code makes of a key, for keys that are placed anew. */
export function hashOf(keys: Uint32Array, start: number, words: number): number {
  let hash = 0;
  for (let i = start; i < start + words; i++) hash = Math.imul(hash ^ keys[i]!, 0x9e3779b1) ^ (hash >>> 13);
  return hash;
}

/** A string's words, zero from its NUL on. */
function stringWords(size: number, offset: number, mix: (value: string) => string): string {
  let source = 'z=0;';
  for (let i = 0; i < size; i += 4) {
    const count = Math.min(4, size - i);
    // The lowest zero byte of v, and everything above it, is cleared; the words after it are 0.
    source += `if(z===0){v=${bytesWord(offset + i, count)};n=(v-0x01010101)&~v&0x80808080;if(n!==0){z=1;n&=-n;v=(v&((n>>>7)-1))>>>0;}}else v=0;${mix('v')}`;
  }
  return source;
}

function bytesWord(offset: number, count: number): string {
  if (count === 4 && offset % 4 === 0) return `u32[(o+${offset})>>>2]`;
  const parts = Array.from({ length: count }, (_, i) => `u8[o+${offset + i}]${i > 0 ? `<<${8 * i}` : ''}`);
  return `(${parts.join('|')})>>>0`;
}

/** Whether words `from` to `end` of the key at `base` are those of `key`. */
export function sameWords(
  keys: Uint32Array,
  base: number,
  key: Uint32Array,
  from: number,
  end: number,
): boolean {
  for (let i = from; i < end; i++) if (keys[base + i] !== key[i]) return false;
  return true;
}
