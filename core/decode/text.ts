/**
 * `char[]` as UTF-8: cut at NUL, and what is no UTF-8 replaced by U+FFFD exactly as the WHATWG decoder does
 * (`new TextDecoder('utf-8', { ignoreBOM: true })`; a byte order mark stays).
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** 1: not to be copied as it is into JSON (NUL, controls, quote, backslash, not ASCII). */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, c) =>
  c < 0x20 || c === QUOTE || c === BACKSLASH || c >= 0x80 ? 1 : 0,
);

/** Most bytes that one byte of text becomes in JSON (`\u001f`); plain, a bad byte becomes 3. */
export const JSON_EXPANSION = 6;
export const PLAIN_EXPANSION = 3;

/**
 * The text at `start` (at most `size` bytes) as a JSON string, written at `at` of `out`; returns its end. Needs
 * `size` × {@link JSON_EXPANSION} + 2 bytes and slack. `words` is the memory of `bytes` in 32-bit words.
 */
export function writeJsonText(
  out: DataView,
  at: number,
  bytes: Uint8Array,
  words: Uint32Array,
  start: number,
  size: number,
): number {
  const end = start + size;
  let p = at;
  let i = start;
  out.setUint8(p++, QUOTE);
  if ((i & 3) === 0) {
    for (const last = end - 3; i < last; i += 4, p += 4) {
      const word = words[i >>> 2]!;
      // The lowest flagged byte is the first special one; flags above it may be false (borrows).
      const flags =
        (((word - 0x20202020) & ~word) |
          word |
          ((word ^ 0x22222222) - 0x01010101) |
          ((word ^ 0x5c5c5c5c) - 0x01010101)) &
        0x80808080;
      out.setUint32(p, word, true);
      if (flags !== 0) {
        const plain = (31 - Math.clz32(flags & -flags)) >>> 3;
        p += plain;
        i += plain;
        break;
      }
    }
  }
  for (; i < end; i++) {
    const byte = bytes[i]!;
    if (SPECIAL[byte] !== 0) {
      if (byte !== 0) p = writeDecoded(out, p, bytes, i, end, true);
      break;
    }
    out.setUint8(p++, byte);
  }
  out.setUint8(p, QUOTE);
  return p + 1;
}

/** The same text without quotes and escapes. Needs `size` × {@link PLAIN_EXPANSION} bytes and slack. */
export function writePlainText(
  out: DataView,
  at: number,
  bytes: Uint8Array,
  start: number,
  size: number,
): number {
  const end = start + size;
  let p = at;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) break;
    if (byte >= 0x80) return writeDecoded(out, p, bytes, i, end, false);
    out.setUint8(p++, byte);
  }
  return p;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The same text as a string. */
export function readText(bytes: Uint8Array, start: number, size: number): string {
  let end = start;
  while (end < start + size && bytes[end] !== 0) end++;
  // A copy: the memory may be shared or mapped, which not every decoder takes.
  return decoder.decode(bytes.slice(start, end));
}

/** From a character's first byte to NUL or `end`, decoding as https://encoding.spec.whatwg.org/#utf-8-decoder says. */
function writeDecoded(
  out: DataView,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  escape: boolean,
): number {
  let p = at;
  let i = start;
  while (i < end) {
    const byte = bytes[i]!;
    if (byte === 0) break;
    if (byte < 0x80) {
      p = escape && SPECIAL[byte] !== 0 ? writeEscape(out, p, byte) : writeByte(out, p, byte);
      i++;
      continue;
    }
    const length = sequenceLength(bytes, i, end);
    if (length > 0) {
      for (let k = 0; k < length; k++) out.setUint8(p++, bytes[i + k]!);
      i += length;
    } else {
      out.setUint8(p, 0xef);
      out.setUint8(p + 1, 0xbf);
      out.setUint8(p + 2, 0xbd);
      p += 3;
      i -= length;
    }
  }
  return p;
}

/** Length of the character at `i`, which is not ASCII; of what one U+FFFD stands for, negative, when it is none. */
function sequenceLength(bytes: Uint8Array, i: number, end: number): number {
  const first = bytes[i]!;
  if (first < 0xc2 || first > 0xf4) return -1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let lower = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  let upper = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let k = 1; k < length; k++) {
    const byte = i + k < end ? bytes[i + k]! : 0;
    if (byte < lower || byte > upper) return -k;
    lower = 0x80;
    upper = 0xbf;
  }
  return length;
}

function writeByte(out: DataView, at: number, byte: number): number {
  out.setUint8(at, byte);
  return at + 1;
}

const SHORT_ESCAPES: Readonly<Record<number, number>> = {
  8: 0x62,
  9: 0x74,
  10: 0x6e,
  12: 0x66,
  13: 0x72,
  [QUOTE]: QUOTE,
  [BACKSLASH]: BACKSLASH,
};
const HEX = '0123456789abcdef';

function writeEscape(out: DataView, at: number, byte: number): number {
  out.setUint8(at, BACKSLASH);
  const short = SHORT_ESCAPES[byte];
  if (short !== undefined) return writeByte(out, at + 1, short);
  let p = at + 1;
  for (const c of [0x75, 0x30, 0x30, HEX.charCodeAt(byte >> 4), HEX.charCodeAt(byte & 15)])
    p = writeByte(out, p, c);
  return p;
}
