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

/**
 * The top bit of each byte of `x`, four bytes, that JSON does not take as it is: no printable ASCII, a quote, a
 * backslash. Exact for the lowest such byte; one above it may be marked for nothing.
 */
function oddBytes(x: number): number {
  const quote = x ^ 0x22222222;
  const backslash = x ^ 0x5c5c5c5c;
  return (
    (x |
      (x + 0x01010101) |
      ((x - 0x20202020) & ~x) |
      ((quote - 0x01010101) & ~quote) |
      ((backslash - 0x01010101) & ~backslash)) &
    0x80808080
  );
}

/** Index of the lowest byte that {@link oddBytes} marks. */
function firstMarked(marks: number): number {
  return (31 - Math.clz32(marks & -marks)) >> 3;
}

/** The inside of a JSON string, by `words`, which is on the memory of `out`. Room needed: 6 bytes a byte, and 4. */
export function writeText(
  out: Uint8Array,
  words: DataView,
  p: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  size: number,
): number {
  const end = start + size;
  let q = p;
  let i = start;
  for (; i <= end - 4; i += 4) {
    const word = view.getInt32(i, true);
    const odd = oddBytes(word);
    // What is too much of it is written over.
    words.setInt32(q, word, true);
    if (odd !== 0) {
      const plain = firstMarked(odd);
      return bytes[i + plain] === 0 ? q + plain : writeEscaped(out, p, readText(bytes, start, size));
    }
    q += 4;
  }
  for (; i < end; i++) {
    const c = bytes[i]!;
    if (oddBytes(c | 0x20202000) !== 0)
      return c === 0 ? q : writeEscaped(out, p, readText(bytes, start, size));
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

/** A `char[]` as valid UTF-8, by `words`, which is on the memory of `out`. Room needed: 3 bytes a byte, and 4. */
export function copyText(
  out: Uint8Array,
  words: DataView,
  p: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  size: number,
): number {
  const end = start + size;
  let q = p;
  let i = start;
  for (; i <= end - 4; i += 4) {
    const word = view.getInt32(i, true);
    // No ASCII, or NUL.
    const odd = (word | ((word - 0x01010101) & ~word)) & 0x80808080;
    words.setInt32(q, word, true);
    if (odd !== 0) {
      const plain = firstMarked(odd);
      return bytes[i + plain] === 0 ? q + plain : copyValid(out, p, readText(bytes, start, size));
    }
    q += 4;
  }
  for (; i < end; i++) {
    const c = bytes[i]!;
    if (c === 0) return q;
    if (c > 0x7f) return copyValid(out, p, readText(bytes, start, size));
    out[q++] = c;
  }
  return q;
}

function copyValid(out: Uint8Array, p: number, text: string): number {
  const valid = Buffer.from(text);
  out.set(valid, p);
  return p + valid.length;
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
