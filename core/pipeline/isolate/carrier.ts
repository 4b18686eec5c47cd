import type { Accepts, EventBatchData } from '../../../plugins/sdk/index.js';
import type { PackedBatch, ToWorker } from './messages.js';

/** A sink's host, and the way to it: a thread of this process, or a process of its own. */
export interface Carrier {
  /** `transfer`: buffers of the message, which are the host's then. What is posted to one that is gone is lost. */
  post(message: ToWorker, transfer?: readonly ArrayBuffer[]): void;
  /** Copies the batch, with the forms that the sink declared. */
  pack(batch: EventBatchData, accepts: Accepts): Packed;
  /** From now on it does not keep this process from ending. */
  unref(): void;
  /** End it, whatever it does. Idempotent; resolves when it is gone. */
  end(): Promise<void>;
}

/** What the host does by itself. */
export interface CarrierEvents {
  /** To be checked: see `isFromWorker`. */
  message(message: unknown): void;
  /** A line of the sink's standard output (info) or error (warn). */
  print(level: 'info' | 'warn', line: string): void;
  /** It is gone. Called once. */
  exit(why: string): void;
}

/** A batch that is ready to be posted. */
export interface Packed {
  readonly batch: PackedBatch;
  readonly transfer: readonly ArrayBuffer[];
  /** To be called once, when it was answered for or its host is gone. */
  release(): void;
}

/** A body as one piece: one copy. A structured clone would copy twice, and with each array the whole buffer below it. */
export function joined(body: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(body.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of body) {
    block.set(part, at);
    at += part.byteLength;
  }
  return block;
}
