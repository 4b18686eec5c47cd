export interface PartialSuccess {
  readonly rejected: number;
  /** Why, in the collector's words. */
  readonly words: string;
}

/** Of a long answer only the beginning is read: the number, which comes before the message, is looked for as text. */
const REJECTED = /"rejected_?(?:DataPoints|LogRecords|data_points|log_records)"\s*:\s*"?(\d{1,19})"?/;
const WORDS = /"error_?[mM]essage"\s*:\s*"((?:[^"\\]|\\.)*)/;

/**
 * What an Export…ServiceResponse says was refused for good. Undefined where it cannot be read: then nothing is known
 * to have been refused.
 */
export function partialSuccess(body: Uint8Array, json: boolean): PartialSuccess | undefined {
  try {
    const { rejected, words } = json ? fromJson(body) : fromProtobuf(body);
    return { rejected: wholeNumber(rejected), words };
  } catch {
    return undefined;
  }
}

/** A collector may say anything. More than can be is as much as there is. */
function wholeNumber(value: number): number {
  return Number.isFinite(value) && value > 0 ? Math.floor(Math.min(value, Number.MAX_SAFE_INTEGER)) : 0;
}

/** Names as protobuf's JSON mapping writes them, and as it must read them, too: those of the .proto file. */
function fromJson(body: Uint8Array): PartialSuccess {
  const text = Buffer.from(body).toString();
  if (text.trim() === '') return { rejected: 0, words: '' };
  let answer: Record<'partialSuccess' | 'partial_success', Record<string, unknown> | null | undefined>;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    const found = REJECTED.exec(text);
    if (found) return { rejected: Number(found[1]), words: WORDS.exec(text)?.[1] ?? '' };
    throw error;
  }
  const partial = answer.partialSuccess ?? answer.partial_success ?? {};
  const { rejectedDataPoints, rejectedLogRecords, rejected_data_points, rejected_log_records } = partial;
  const rejected =
    rejectedDataPoints ?? rejectedLogRecords ?? rejected_data_points ?? rejected_log_records ?? 0;
  const words = partial.errorMessage ?? partial.error_message;
  return { rejected: Number(rejected), words: typeof words === 'string' ? words : '' };
}

/** Field 1 is the partial success, whose field 1 is the number, an int64, and whose field 2 the message. */
function fromProtobuf(body: Uint8Array): PartialSuccess {
  const partial = field(body, 1, 2);
  const number = partial && field(partial, 1, 0);
  const rejected = number === undefined ? 0 : Number(BigInt.asIntN(64, varint(number, 0).value));
  const words = partial && rejected > 0 ? field(partial, 2, 2) : undefined;
  return { rejected, words: Buffer.from(words ?? []).toString() };
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
