const DIGITS = Uint8Array.from('0123456789abcdef', (c) => c.charCodeAt(0));

/** `0x` and hi × 2^32 + lo (both unsigned) in hex without leading zeros; returns its end. */
export function writeHex(out: DataView, at: number, hi: number, lo: number): number {
  out.setUint8(at, 0x30);
  out.setUint8(at + 1, 0x78);
  const digits = hi === 0 ? hexDigits(lo) : 8 + hexDigits(hi);
  let p = at + 2;
  for (let i = digits - 1; i >= 0; i--) {
    const half = i >= 8 ? hi : lo;
    out.setUint8(p++, DIGITS[(half >>> ((i & 7) * 4)) & 15]!);
  }
  return p;
}

function hexDigits(word: number): number {
  return Math.max(1, (35 - Math.clz32(word)) >> 2);
}
