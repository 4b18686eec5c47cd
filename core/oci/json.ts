/**
 * JSON as Go's `encoding/json` writes it: `<`, `>`, `&` and the two line separators escaped. A manifest with
 * the same content then has the same digest, whichever of the two tools wrote it.
 */
export function encodeJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return new TextEncoder().encode(text);
}

/** Strict UTF-8, strict JSON. Throws what `TextDecoder` and `JSON.parse` throw. */
export function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
