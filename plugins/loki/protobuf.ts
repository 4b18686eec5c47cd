import type { Entry, Stream } from './streams.js';

/** Tags of what we write of Loki's push.proto: field number and wire type 2 (length) or 0 (varint). */
const STREAMS = 0x0a;
const LABELS = 0x0a;
const ENTRIES = 0x12;
const TIMESTAMP = 0x0a;
const LINE = 0x12;
const METADATA = 0x1a;
const NAME = 0x0a;
const VALUE = 0x12;
const SECONDS = 0x08;
const NANOS = 0x10;
const SECOND = 1_000_000_000n;

/** A `logproto.PushRequest`. */
export function encodePush(streams: readonly Stream[]): Uint8Array {
  const writer = new Writer();
  for (const stream of streams) {
    writer.message(STREAMS, () => {
      writer.text(LABELS, labelText(stream.labels));
      for (const entry of stream.entries) writer.message(ENTRIES, () => writeEntry(writer, entry));
    });
  }
  return writer.done();
}

function writeEntry(writer: Writer, { timestamp, line, metadata }: Entry): void {
  let nanos = timestamp % SECOND;
  if (nanos < 0n) nanos += SECOND;
  const seconds = (timestamp - nanos) / SECOND;
  writer.message(TIMESTAMP, () => {
    writer.integer(SECONDS, BigInt.asUintN(64, seconds));
    writer.integer(NANOS, nanos);
  });
  writer.bytes(LINE, line);
  for (const [name, value] of metadata) {
    writer.message(METADATA, () => {
      writer.text(NAME, name);
      writer.text(VALUE, value);
    });
  }
}

/** `{map="print_execs", probe="execsnoop"}`: what Loki parses with the rules of Go's quoted strings. */
export function labelText(labels: readonly (readonly [string, string])[]): string {
  return `{${labels.map(([name, value]) => `${name}=${JSON.stringify(value.toWellFormed())}`).join(', ')}}`;
}

class Writer {
  private buffer = Buffer.allocUnsafe(64 * 1024);
  private at = 0;

  /** The length stands before the content and is known after it: four bytes are kept, a padded varint. */
  message(tag: number, content: () => void): void {
    this.need(5);
    this.buffer[this.at++] = tag;
    const length = this.at;
    this.at += 4;
    content();
    const size = this.at - length - 4;
    this.buffer[length] = (size & 0x7f) | 0x80;
    this.buffer[length + 1] = ((size >>> 7) & 0x7f) | 0x80;
    this.buffer[length + 2] = ((size >>> 14) & 0x7f) | 0x80;
    this.buffer[length + 3] = (size >>> 21) & 0x7f;
  }

  text(tag: number, text: string): void {
    this.bytes(tag, Buffer.from(text));
  }

  bytes(tag: number, bytes: Uint8Array): void {
    this.integer(tag, BigInt(bytes.byteLength));
    this.need(bytes.byteLength);
    this.buffer.set(bytes, this.at);
    this.at += bytes.byteLength;
  }

  integer(tag: number, value: bigint): void {
    this.need(11);
    this.buffer[this.at++] = tag;
    let rest = value;
    while (rest >= 0x80n) {
      this.buffer[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.at++] = Number(rest);
  }

  private need(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.buffer.length, this.at + bytes));
    larger.set(this.buffer.subarray(0, this.at));
    this.buffer = larger;
  }

  done(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }
}
