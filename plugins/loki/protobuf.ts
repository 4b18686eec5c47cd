import { Scratch } from './scratch.js';
import type { Entry, Pairs, Stream } from './streams.js';

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
/** What an entry takes beside its line and its metadata, at most: tags, lengths, its time. */
const ENTRY_BYTES = 40;
/** Of a stream's length, which stands before its content and is known after it: a padded varint. */
const LENGTH_BYTES = 4;

const scratch = new Scratch();

/** A `logproto.PushRequest`, valid until the next call. */
export function encodePush(streams: readonly Stream[]): Uint8Array {
  const encoded = streams.map((stream) => ({ ...stream, label: Buffer.from(labelText(stream.labels)) }));
  let most = 0;
  for (const { label, entries } of encoded) {
    most += label.length + ENTRY_BYTES;
    for (const entry of entries) most += entry.to - entry.from + ENTRY_BYTES + mostOf(entry.metadata);
  }
  const writer = new Writer(scratch.take(most));
  for (const { label, text, entries } of encoded) {
    const start = writer.begin(STREAMS);
    writer.bytes(LABELS, label);
    const lines = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    for (const entry of entries) writeEntry(writer, lines, entry);
    writer.end(start);
  }
  return writer.done();
}

/** UTF-8 has three bytes a UTF-16 unit at most. */
function mostOf(metadata: Pairs): number {
  let most = 0;
  for (const [name, value] of metadata) most += 3 * (name.length + value.length) + ENTRY_BYTES;
  return most;
}

function writeEntry(writer: Writer, lines: Buffer, { seconds, nanos, from, to, metadata }: Entry): void {
  const pairs = metadata.map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const);
  const time = 1 + lengthOf(seconds) + 1 + lengthOf(nanos);
  let size = 1 + 1 + time + sizeOf(to - from);
  for (const [name, value] of pairs) size += sizeOf(sizeOf(name.length) + sizeOf(value.length));
  writer.tag(ENTRIES, size);
  writer.tag(TIMESTAMP, time);
  writer.tag(SECONDS, seconds);
  writer.tag(NANOS, nanos);
  writer.bytes(LINE, lines, from, to);
  for (const [name, value] of pairs) {
    writer.tag(METADATA, sizeOf(name.length) + sizeOf(value.length));
    writer.bytes(NAME, name);
    writer.bytes(VALUE, value);
  }
}

/** Of a field of so many bytes, with its tag and its length. */
function sizeOf(bytes: number): number {
  return 1 + lengthOf(bytes) + bytes;
}

/** Bytes of a varint; a negative int64 takes ten. */
function lengthOf(value: number): number {
  if (value < 0) return 10;
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** `{map="print_execs", probe="execsnoop"}`: what Loki parses with the rules of Go's quoted strings. */
export function labelText(labels: readonly (readonly [string, string])[]): string {
  return `{${labels.map(([name, value]) => `${name}=${JSON.stringify(value.toWellFormed())}`).join(', ')}}`;
}

/** Writes to a buffer that is large enough. */
class Writer {
  private at = 0;

  constructor(private readonly buffer: Buffer) {}

  /** Begin a message, which {@link end} is to end. */
  begin(tag: number): number {
    this.buffer[this.at] = tag;
    this.at += 1 + LENGTH_BYTES;
    return this.at;
  }

  end(start: number): void {
    let rest = this.at - start;
    for (let i = start - LENGTH_BYTES; i < start - 1; i++) {
      this.buffer[i] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[start - 1] = rest;
  }

  bytes(tag: number, bytes: Buffer, from = 0, to = bytes.length): void {
    this.tag(tag, to - from);
    bytes.copy(this.buffer, this.at, from, to);
    this.at += to - from;
  }

  /** A tag and a varint: a length, or an int64 that is a safe integer. */
  tag(tag: number, value: number): void {
    const { buffer } = this;
    buffer[this.at++] = tag;
    let rest = value;
    if (rest < 0) {
      let wide = BigInt.asUintN(64, BigInt(rest));
      for (let i = 0; i < 9; i++, wide >>= 7n) buffer[this.at++] = Number(wide & 0x7fn) | 0x80;
      rest = Number(wide);
    }
    // Beyond 32 bits, which only seconds after 2106 are, shifts would cut.
    for (; rest >= 0x8000_0000; rest = Math.floor(rest / 0x80)) buffer[this.at++] = (rest % 0x80) | 0x80;
    for (; rest >= 0x80; rest >>>= 7) buffer[this.at++] = (rest & 0x7f) | 0x80;
    buffer[this.at++] = rest;
  }

  done(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }
}
