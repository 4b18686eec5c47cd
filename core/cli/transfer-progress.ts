import type { TransferOptions } from '../oci/index.js';
import { formatBytes } from './table.js';
import type { Terminal } from './terminal.js';

/** Lines for somebody who watches a transfer; nothing in a pipe. */
export class TransferProgress {
  private moved = 0;

  constructor(private readonly terminal: Terminal) {}

  get hooks(): Pick<TransferOptions, 'onPart' | 'progress'> {
    return {
      onPart: (what, { digest, size }) =>
        this.terminal.progress(
          `${what.padEnd(8)} ${digest.slice(0, 'sha256:'.length + 12)} ${formatBytes(size)}`,
        ),
      progress: (bytes) => {
        this.moved += bytes;
      },
    };
  }

  done(what: string): void {
    this.terminal.progress(`${what} (${formatBytes(this.moved)} over the wire)`);
  }
}
