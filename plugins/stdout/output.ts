import { write } from 'node:fs';
import type { WriteResult } from '../sdk/index.js';

const STDOUT = 1;
const AGAIN_MS = 5;

/**
 * Write all bytes to file descriptor 1 through the thread pool: a reader that does not read stalls this write,
 * and nothing else. (process.stdout writes to pipes synchronously, which would stall the event loop.)
 */
export async function writeStdout(bytes: Uint8Array, signal: AbortSignal): Promise<WriteResult> {
  let offset = 0;
  while (offset < bytes.byteLength) {
    // Half a batch is written: it cannot be taken back, and must not be written again from its start.
    if (signal.aborted && offset === 0)
      return { status: 'retry', error: 'standard output is not being read' };
    try {
      offset += await writeSome(bytes, offset);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      else if (code === 'EPIPE') return { status: 'closed' };
      else return { status: 'closed', error: message };
    }
  }
  return { status: 'ok' };
}

function writeSome(bytes: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(STDOUT, bytes, offset, bytes.byteLength - offset, null, (error, written) =>
      error ? reject(error) : resolve(written),
    );
  });
}
