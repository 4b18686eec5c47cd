/** What claims to be a signature and is none. Never leaves this folder: `message` becomes a reason of a verdict. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** Standard base64 and nothing else: `Buffer` alone skips what it does not know. */
export function decodeBase64(value: unknown, what: string): Uint8Array {
  if (typeof value !== 'string' || value === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(value))
    throw new Malformed(`${what} is not base64`);
  return Buffer.from(value, 'base64');
}
