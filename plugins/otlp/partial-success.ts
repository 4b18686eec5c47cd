/** What an Export…ServiceResponse says was refused for good; an answer that cannot be read refuses nothing. */
export function partialSuccess(body: Uint8Array, json: boolean): { readonly rejected: number } {
  try {
    return { rejected: Math.max(0, json ? fromJson(body) : fromProtobuf(body)) };
  } catch {
    return { rejected: 0 };
  }
}

function fromJson(body: Uint8Array): number {
  const text = Buffer.from(body).toString();
  if (text.trim() === '') return 0;
  const { partialSuccess: partial = {} } = JSON.parse(text) as { partialSuccess?: Record<string, unknown> };
  return Number(partial.rejectedDataPoints ?? partial.rejectedLogRecords ?? 0) || 0;
}

/** Field 1 is the partial success, whose field 1 is the number, an int64. */
function fromProtobuf(body: Uint8Array): number {
  const partial = field(body, 1, 2);
  const rejected = partial && field(partial, 1, 0);
  return rejected === undefined ? 0 : Number(BigInt.asIntN(64, varint(rejected, 0).value));
}

/** The bytes of the first field of this number and wire type. */
function field(bytes: Uint8Array, number: number, wireType: number): Uint8Array | undefined {
  let at = 0;
  while (at < bytes.length) {
    const tag = varint(bytes, at);
    at = tag.next;
    const type = Number(tag.value & 7n);
    let end: number;
    let begin = at;
    if (type === 0) end = varint(bytes, at).next;
    else if (type === 1) end = at + 8;
    else if (type === 5) end = at + 4;
    else if (type === 2) {
      const length = varint(bytes, at);
      begin = length.next;
      end = begin + Number(length.value);
    } else throw new Error(`wire type ${type}`);
    // Of a long answer only the beginning was read, and the number comes before the message.
    if (Number(tag.value >> 3n) === number && type === wireType) return bytes.subarray(begin, end);
    if (end > bytes.length) throw new Error('cut off');
    at = end;
  }
  return undefined;
}

function varint(bytes: Uint8Array, start: number): { value: bigint; next: number } {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw new Error('cut off');
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, next: start + i + 1 };
  }
  throw new Error('a varint of more than ten bytes');
}
