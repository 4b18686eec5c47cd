const encoder = new TextEncoder();

/** From here on a constant is copied by a loop instead of by straight-line stores. */
const LONG = 512;

/**
 * Source text that writes a constant at `p` of the DataView `out`, 8 bytes a store, and moves `p` behind it. Up to
 * 7 bytes beyond are overwritten. No double of it is NaN, whose bits a store may change: 0xff is in no UTF-8, and
 * behind 0xf0–0xf4 there is no 0x7f.
 */
export function constantCode(text: string): string {
  const bytes = encoder.encode(text);
  const padded = new DataView(new ArrayBuffer(Math.ceil(bytes.length / 8) * 8));
  for (const [i, byte] of bytes.entries()) padded.setUint8(i, byte);
  const words = Array.from({ length: padded.byteLength / 8 }, (_, i) => padded.getFloat64(i * 8, true));
  if (bytes.length > LONG) {
    const beyond = padded.byteLength - bytes.length;
    return `for (const word of [${words.join(', ')}]) { out.setFloat64(p, word, true); p += 8; } p -= ${beyond};`;
  }
  const stores = words.map((word, i) => `out.setFloat64(p${i ? ` + ${i * 8}` : ''}, ${word}, true);`);
  return `${stores.join(' ')} p += ${bytes.length};`;
}

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}
