import { stringEnd } from '../text.js';

/** What a compiled filter calls. `wanted` holds no NUL. */

export function textEquals(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  if (wanted.length > size || (wanted.length < size && u8[start + wanted.length] !== 0)) return false;
  return bytesEqual(u8, start, wanted);
}

export function textStarts(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  return wanted.length <= size && bytesEqual(u8, start, wanted);
}

export function textEnds(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  const end = stringEnd(u8, start, start + size);
  return wanted.length <= end - start && bytesEqual(u8, end - wanted.length, wanted);
}

export function textContains(u8: Uint8Array, start: number, size: number, wanted: Uint8Array): boolean {
  const end = stringEnd(u8, start, start + size) - wanted.length;
  for (let i = start; i <= end; i++) if (bytesEqual(u8, i, wanted)) return true;
  return false;
}

export function bytesEqual(u8: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (u8[start + i] !== wanted[i]) return false;
  return true;
}
