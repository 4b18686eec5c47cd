import type { EnumNode } from '../bpf/index.js';
import { widthOf } from './access.js';
import { writeBigint, writeInt32, writeUint32 } from './digits.js';

const encoder = new TextEncoder();

/** Names of an enum as JSON strings, ready to be copied; a value without a name is written as its number. */
export class EnumText {
  private readonly texts = new Map<number | bigint, number>();
  /** Where the texts begin in `words`, in words, and their bytes. */
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  private readonly words: Float64Array;

  constructor(node: EnumNode) {
    const isWide = widthOf(node) > 32;
    const encoded = Object.entries(node.names).map(([value, name]) => ({
      value: isWide ? BigInt(value) : Number(value),
      bytes: encoder.encode(JSON.stringify(name)),
    }));
    const total = encoded.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / 8), 0);
    this.words = new Float64Array(total);
    const all = new Uint8Array(this.words.buffer);
    let word = 0;
    for (const { value, bytes } of encoded) {
      this.texts.set(value, this.starts.length);
      this.starts.push(word);
      this.lengths.push(bytes.length);
      all.set(bytes, word * 8);
      word += Math.ceil(bytes.length / 8);
    }
  }

  write(out: DataView, at: number, value: number): number {
    const text = this.texts.get(value);
    if (text !== undefined) return this.copy(out, at, text);
    return value < 0 ? writeInt32(out, at, value) : writeUint32(out, at, value);
  }

  writeWide(out: DataView, at: number, value: bigint): number {
    const text = this.texts.get(value);
    return text === undefined ? writeBigint(out, at, value) : this.copy(out, at, text);
  }

  private copy(out: DataView, at: number, text: number): number {
    const start = this.starts[text]!;
    const length = this.lengths[text]!;
    for (let i = 0; i * 8 < length; i++) out.setFloat64(at + i * 8, this.words[start + i]!, true);
    return at + length;
  }
}
