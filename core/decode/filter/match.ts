import { readText } from '../text.js';

/**
 * What generated filters call for text. A `char[]` ends at its NUL; `wanted` is valid UTF-8 without U+FFFD, so that
 * comparing bytes is comparing what is shown: where bytes are no UTF-8, the shown text has a U+FFFD and differs.
 */

export function textStarts(bytes: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  if (wanted.length > size) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i] || wanted[i] === 0) return false;
  return true;
}

export function textIs(bytes: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  if (!textStarts(bytes, start, size, wanted)) return false;
  return wanted.length === size || bytes[start + wanted.length] === 0;
}

export function textEnds(bytes: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  const from = textLength(bytes, start, size) - wanted.length;
  return from >= 0 && textStarts(bytes, start + from, wanted.length, wanted);
}

export function textContains(bytes: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  const last = textLength(bytes, start, size) - wanted.length;
  for (let i = 0; i <= last; i++) if (textStarts(bytes, start + i, wanted.length, wanted)) return true;
  return false;
}

/** Two fields, as they are shown. */
export function sameText(
  bytes: Uint8Array,
  start: number,
  size: number,
  otherStart: number,
  otherSize: number,
): boolean {
  const length = textLength(bytes, start, size);
  if (
    length === textLength(bytes, otherStart, otherSize) &&
    textStarts(bytes, start, size, bytes.subarray(otherStart, otherStart + length))
  ) {
    return true;
  }
  return readText(bytes, start, size) === readText(bytes, otherStart, otherSize);
}

function textLength(bytes: Uint8Array, start: number, size: number): number {
  let length = 0;
  while (length < size && bytes[start + length] !== 0) length++;
  return length;
}
