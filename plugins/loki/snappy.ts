import { Scratch } from './scratch.js';

/** The format compares within blocks of this size. */
const BLOCK = 65_536;
const TABLE_BITS = 14;
/** The last bytes of a block are never the start of a match: four bytes are read at once. */
const MARGIN = 15;
/** A call that copies costs more than a loop over so few bytes. */
const SHORT = 32;

/** One for all: nothing else runs while a push is compressed. */
const table = new Uint16Array(1 << TABLE_BITS);
const scratch = new Scratch();

/**
 * Snappy's block format. One hash table and greedy matches, as the reference does it: JSON lines shrink several
 * times. (The npm package `snappy` is a native module, which would have to be built for every platform.)
 */
export function snappyCompress(input: Uint8Array): Uint8Array {
  const out = scratch.take(32 + input.length + Math.floor(input.length / 6));
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let end = writeLength(out, input.length);
  for (let start = 0; start < input.length; start += BLOCK) {
    table.fill(0);
    end = compressBlock(input, view, start, Math.min(start + BLOCK, input.length), out, end);
  }
  return Buffer.from(out.subarray(0, end));
}

function writeLength(out: Uint8Array, length: number): number {
  let at = 0;
  let rest = length;
  while (rest >= 0x80) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

function compressBlock(
  input: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
): number {
  let at = to;
  let literal = start;
  const limit = end - MARGIN;
  let i = start + 1;
  // Where nothing matches, steps grow: noise costs little.
  let misses = 32;
  while (i < limit) {
    const word = view.getInt32(i, true);
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - TABLE_BITS);
    const candidate = start + table[slot]!;
    table[slot] = i - start;
    if (candidate >= i || view.getInt32(candidate, true) !== word) {
      i += misses++ >>> 5;
      continue;
    }
    misses = 32;
    let length = 4;
    while (
      i + length + 4 <= end &&
      view.getInt32(candidate + length, true) === view.getInt32(i + length, true)
    )
      length += 4;
    while (i + length < end && input[candidate + length] === input[i + length]) length++;
    at = writeLiteral(input, literal, i, out, at);
    at = writeCopy(i - candidate, length, out, at);
    i += length;
    literal = i;
  }
  return writeLiteral(input, literal, end, out, at);
}

function writeLiteral(input: Uint8Array, from: number, to: number, out: Uint8Array, start: number): number {
  const length = to - from;
  if (length === 0) return start;
  let at = start;
  const n = length - 1;
  if (n < 60) out[at++] = n << 2;
  else if (n < 256) {
    out[at++] = 60 << 2;
    out[at++] = n;
  } else {
    out[at++] = 61 << 2;
    out[at++] = n & 0xff;
    out[at++] = n >>> 8;
  }
  if (length < SHORT) for (let i = 0; i < length; i++) out[at + i] = input[from + i]!;
  else out.set(input.subarray(from, to), at);
  return at + length;
}

/** Copies of two-byte offsets, of at most 64 bytes each. */
function writeCopy(offset: number, length: number, out: Uint8Array, start: number): number {
  let at = start;
  for (let rest = length; rest > 0; ) {
    const n = Math.min(rest, 64);
    out[at++] = ((n - 1) << 2) | 2;
    out[at++] = offset & 0xff;
    out[at++] = offset >>> 8;
    rest -= n;
  }
  return at;
}
