import { close, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import type { WriteCall, WriteResult } from '../sdk/index.js';

const STDOUT = 1;
/** Between two tries while the reader does not read. */
const PAUSE_FIRST_MS = 1;
const PAUSE_MAX_MS = 50;
/** So few bytes are written from here, where that cannot block: a thread of the pool would take longer to wake. */
const AT_ONCE_BYTES = 64 << 10;
/** So many at the most before the event loop has its turn. */
const IN_TURN_BYTES = 1 << 20;
const NEWLINE = 10;
/** The reader, or the terminal, is gone for good. */
const GONE = new Set(['EPIPE', 'EBADF', 'EIO', 'ECONNRESET', 'ENOTCONN']);

type Render = () => Uint8Array | Promise<Uint8Array>;

interface Pending {
  /** What the bytes were made of: the same key again continues, another one gives the rest up. */
  readonly key: object;
  bytes: Uint8Array;
  offset: number;
}

/** Two writers would cut each other's lines in pieces. */
let taken = false;

/**
 * Standard output, written without blocking: a reader that stalls holds up this sink, and neither the event loop
 * nor a thread of the pool. (process.stdout buffers without bound where it does not block.) One `write` at a time.
 */
export class Output {
  private readonly fd: number;
  /** Whether a write gives EAGAIN instead of waiting. */
  private readonly isNonBlocking: boolean;
  private inTurn = 0;
  private pending: Pending | undefined;
  private running: Promise<WriteResult> | undefined;
  private closed = false;

  /** Throws a fatal error where another sink has standard output already. */
  constructor() {
    if (taken)
      throw Object.assign(
        new Error("standard output is another stdout sink's already: leave one of them out"),
        {
          fatal: true,
        },
      );
    taken = true;
    ({ fd: this.fd, isNonBlocking: this.isNonBlocking } = openNonBlocking());
  }

  /**
   * Write what `render` makes. When the call's signal aborts half-way the answer is `retry`, and a call with the same key
   * goes on where this one stopped. A call with another key finishes the line that was begun, and leaves out the
   * rest of what was given up.
   */
  async write(key: object, render: Render, call: WriteCall): Promise<WriteResult> {
    await this.running;
    if (this.closed) return { status: 'closed' };
    this.running = this.continue(key, render, call);
    return this.running;
  }

  private async continue(key: object, render: Render, call: WriteCall): Promise<WriteResult> {
    if (this.pending && this.pending.key !== key) {
      this.pending.bytes = this.pending.bytes.subarray(0, lineEnd(this.pending.bytes, this.pending.offset));
      const result = await this.drain(this.pending, call);
      if (result.status !== 'ok') return result;
      this.pending = undefined;
    }
    this.pending ??= { key, bytes: await render(), offset: 0 };
    const result = await this.drain(this.pending, call);
    if (result.status !== 'retry') this.pending = undefined;
    return result;
  }

  private async drain(pending: Pending, call: WriteCall): Promise<WriteResult> {
    let pause = PAUSE_FIRST_MS;
    // Asked only where one write does not do it: a signal is made when it is asked for.
    for (let first = true; pending.offset < pending.bytes.byteLength; first = false) {
      if (this.closed) return { status: 'closed' };
      if (!first && call.signal.aborted)
        return { status: 'retry', error: 'standard output is not being read' };
      try {
        pending.offset += await this.writeSome(pending);
        pause = PAUSE_FIRST_MS;
      } catch (error) {
        const { code = '', message } = error as NodeJS.ErrnoException;
        if (code === 'EPIPE') return { status: 'closed', error: 'its reader is gone' };
        if (GONE.has(code)) return { status: 'closed', error: message };
        if (code === 'EINTR') continue;
        if (code !== 'EAGAIN') return { status: 'retry', error: message };
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(2 * pause, PAUSE_MAX_MS);
      }
    }
    return { status: 'ok' };
  }

  private writeSome({ bytes, offset }: Pending): number | Promise<number> {
    const { fd } = this;
    const left = bytes.byteLength - offset;
    this.inTurn += left;
    if (this.isNonBlocking && left <= AT_ONCE_BYTES && this.inTurn <= IN_TURN_BYTES)
      return writeSync(fd, bytes, offset, left);
    this.inTurn = 0;
    return new Promise((resolve, reject) => {
      write(fd, bytes, offset, left, null, (error, written) => (error ? reject(error) : resolve(written)));
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.running;
    taken = false;
    if (this.fd !== STDOUT) await new Promise((resolve) => close(this.fd, resolve));
  }
}

/**
 * A descriptor that does not block. Pipes and terminals are opened a second time, since O_NONBLOCK on descriptor 1
 * itself would also be that of every process that shares it.
 */
function openNonBlocking(): { fd: number; isNonBlocking: boolean } {
  try {
    const stat = fstatSync(STDOUT);
    if (stat.isFIFO() || isatty(STDOUT)) {
      const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_APPEND;
      return { fd: openSync(`/proc/self/fd/${STDOUT}`, flags), isNonBlocking: true };
    }
    if (stat.isSocket()) {
      // It cannot be opened again; Node's own stream sets it to not block.
      process.stdout.on('error', () => {});
      return { fd: STDOUT, isNonBlocking: process.stdout instanceof Socket };
    }
  } catch {
    // Without /proc, or as another user than the terminal's: as it is.
  }
  return { fd: STDOUT, isNonBlocking: false };
}

/** End of the line of which `offset` is inside; `offset` itself between two lines. */
function lineEnd(bytes: Uint8Array, offset: number): number {
  if (offset === 0 || bytes[offset - 1] === NEWLINE) return offset;
  const end = bytes.indexOf(NEWLINE, offset);
  return end < 0 ? bytes.byteLength : end + 1;
}
