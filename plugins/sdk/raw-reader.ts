import { isAscii } from 'node:buffer';
import type { RawColumn } from './raw-column.js';

/** Reads the text of a value by its index. */
type TextReader = (index: number) => string;

/** 2^12 addresses are remembered, for all batches of a thread together: 200 KiB when there are so many. */
const ADDRESS_BITS = 12;
/** 2^10 texts of each width. */
const TEXT_BITS = 10;

/** Spreads what differs in few bits. */
const GOLDEN = 0x9e3779b1;

export function rawReader({ format, width, values }: RawColumn): TextReader {
  if (format === 'ipv4') return addressReader(values);
  const texts = caches[width];
  return (index) => texts.at(values, index);
}

const addresses = new Uint32Array(1 << ADDRESS_BITS);
// Address 0 has place 0, and is in all of them.
const addressTexts: string[] = new Array(1 << ADDRESS_BITS).fill('0.0.0.0');

function addressReader(values: Uint32Array): TextReader {
  return (index) => {
    const word = values[index]!;
    const place = Math.imul(word, GOLDEN) >>> (32 - ADDRESS_BITS);
    return addresses[place] === word ? addressTexts[place]! : rememberAddress(word, place);
  };
}

function rememberAddress(word: number, place: number): string {
  const text = `${word & 255}.${(word >>> 8) & 255}.${(word >>> 16) & 255}.${word >>> 24}`;
  addresses[place] = word;
  addressTexts[place] = text;
  return text;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The last texts of one width, each in the place that its words say. */
class TextCache {
  private readonly words: Uint32Array;
  // No words but zeros are the empty text.
  private readonly texts: string[] = new Array(1 << TEXT_BITS).fill('');

  constructor(private readonly width: number) {
    this.words = new Uint32Array(width << TEXT_BITS);
  }

  at(values: Uint32Array, index: number): string {
    const { width, words } = this;
    const from = index * width;
    let hash = 0;
    for (let i = from; i < from + width; i++) hash = Math.imul(hash ^ values[i]!, GOLDEN);
    const place = hash >>> (32 - TEXT_BITS);
    for (let i = 0, at = place * width; i < width; i++)
      if (words[at + i] !== values[from + i])
        return this.remember(values.subarray(from, from + width), place);
    return this.texts[place]!;
  }

  private remember(value: Uint32Array, place: number): string {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const end = bytes.indexOf(0);
    const content = end < 0 ? bytes : bytes.subarray(0, end);
    const text = isAscii(content) ? content.toString('latin1') : decoder.decode(content);
    this.words.set(value, place * this.width);
    this.texts[place] = text;
    return text;
  }
}

const caches = { 1: new TextCache(1), 2: new TextCache(2), 3: new TextCache(3), 4: new TextCache(4) };
