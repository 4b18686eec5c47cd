import type { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { messageOf } from '../error.js';

/** Of one message. The largest that are meant are answers to requests, and batches for which there is no room in memory. */
const MOST_BYTES = 256 * 2 ** 20;
const LENGTH_BYTES = 4;

/**
 * Messages between the agent and a sink's process, over a socket: each a length (32 bits, little-endian) and a value as
 * V8 serialises it. Node's own channel would do the same, but what a sink writes to its descriptor by mistake would be
 * thrown there where nobody can catch it, and end the agent.
 */
export class Channel {
  private chunks: Buffer[] = [];
  private bytes = 0;
  /** Of the message that is coming in, its length included. */
  private wanted = LENGTH_BYTES;
  private failed = false;

  /** `fail`: what came in is no message, and nothing after it can be. */
  constructor(
    private readonly socket: Socket,
    private readonly use: (message: unknown) => void,
    private readonly fail: (why: string) => void,
  ) {
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    // Whoever is at the other end is gone: its end is told elsewhere.
    socket.on('error', () => {});
  }

  /** Throws what cannot be serialised. `sent`: it is on its way, or never will be. */
  send(message: unknown, sent?: () => void): void {
    const body = serialize(message);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(body.byteLength);
    this.socket.cork();
    this.socket.write(length);
    this.socket.write(body, () => sent?.());
    this.socket.uncork();
  }

  private take(chunk: Buffer): void {
    if (this.failed) return;
    this.chunks.push(chunk);
    this.bytes += chunk.byteLength;
    while (this.bytes >= this.wanted && !this.failed) this.next();
  }

  private next(): void {
    const whole = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
    this.chunks = [whole];
    const end = LENGTH_BYTES + whole.readUInt32LE();
    if (end > MOST_BYTES) {
      this.giveUp(`a message of ${end} bytes, of ${MOST_BYTES} that one may have`);
      return;
    }
    if (whole.byteLength < end) {
      this.wanted = end;
      return;
    }
    this.chunks = [whole.subarray(end)];
    this.bytes = whole.byteLength - end;
    this.wanted = LENGTH_BYTES;
    let message: unknown;
    try {
      message = deserialize(whole.subarray(LENGTH_BYTES, end));
    } catch (error) {
      this.giveUp(messageOf(error));
      return;
    }
    this.use(message);
  }

  private giveUp(why: string): void {
    this.failed = true;
    this.chunks = [];
    this.fail(`what came through its channel is no message: ${why}`);
  }
}
