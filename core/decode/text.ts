/** Writers of bytes: each takes a buffer and a position and returns the position after what it wrote. */

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** End of a C string: its NUL, or its field's end. */
export function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === 0) return i;
  return end;
}

/** A `char[]` up to its NUL, invalid UTF-8 replaced by U+FFFD. */
export function readText(bytes: Uint8Array, start: number, size: number): string {
  const end = stringEnd(bytes, start, start + size);
  return decoder.decode(bytes.subarray(start, end));
}

/** 1 for each byte that JSON takes as it is: printable ASCII but for the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, c) =>
  c >= 0x20 && c <= 0x7e && c !== 0x22 && c !== 0x5c ? 1 : 0,
);

/** The inside of a JSON string. Room needed: 6 bytes a byte. */
export function writeText(
  out: Uint8Array,
  p: number,
  bytes: Uint8Array,
  start: number,
  size: number,
): number {
  const end = start + size;
  let q = p;
  for (let i = start; i < end; i++) {
    const c = bytes[i]!;
    if (PLAIN[c] === 0) return c === 0 ? q : writeEscaped(out, p, readText(bytes, start, size));
    out[q++] = c;
  }
  return q;
}

/** Text as the inside of a JSON string. */
function writeEscaped(out: Uint8Array, p: number, text: string): number {
  const json = Buffer.from(JSON.stringify(text));
  out.set(json.subarray(1, -1), p);
  return p + json.length - 2;
}

export function writeAscii(out: Uint8Array, p: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[p + i] = text.charCodeAt(i);
  return p + text.length;
}

/** A `char[]` as valid UTF-8. Room needed: 3 bytes a byte. */
export function copyText(out: Uint8Array, p: number, bytes: Uint8Array, start: number, size: number): number {
  let q = p;
  for (let i = start; i < start + size; i++) {
    const c = bytes[i]!;
    if (c === 0) return q;
    if (c > 0x7f) {
      const valid = Buffer.from(readText(bytes, start, size));
      out.set(valid, p);
      return p + valid.length;
    }
    out[q++] = c;
  }
  return q;
}

/** A `char[]` up to its NUL as the words of a key, zero from there on. */
export function packText(
  words: Uint32Array,
  index: number,
  bytes: Uint8Array,
  start: number,
  size: number,
): void {
  const end = stringEnd(bytes, start, start + size);
  let word = index;
  for (let i = start; i < start + size; i += 4) {
    let value = 0;
    for (let j = Math.min(i + 4, end) - 1; j >= i; j--) value = (value << 8) | bytes[j]!;
    words[word++] = value;
  }
}
