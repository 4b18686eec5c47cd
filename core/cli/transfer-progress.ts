import type { TransferOptions } from '../oci/index.js';
import { formatBytes } from './table.js';
import type { Terminal } from './terminal.js';

/** Between two looks at how far a part is, ms. */
const LOOK_MS = 100;

/** For somebody who watches a transfer: a line a part, and how far it is. Nothing in a pipe. */
export class TransferProgress {
  private moved = 0;
  private part = { size: 0, moved: 0 };
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly terminal: Terminal) {}

  get hooks(): Pick<TransferOptions, 'onPart' | 'progress'> {
    return {
      onPart: (what, { digest, size }) => {
        this.end();
        this.part = { size, moved: 0 };
        this.terminal.progress(
          `${what.padEnd(8)} ${digest.slice(0, 'sha256:'.length + 12)} ${formatBytes(size)}`,
        );
      },
      progress: (bytes) => {
        this.moved += bytes;
        this.part.moved += bytes;
        // Told a moment later, so that a transfer that stands still shows where.
        this.timer ??= setTimeout(() => {
          this.timer = undefined;
          const { size, moved } = this.part;
          const percent = size === 0 ? 0 : Math.min(100, Math.floor((moved / size) * 100));
          this.terminal.live(`${String(percent).padStart(7)} % of ${formatBytes(size)}`);
        }, LOOK_MS);
      },
    };
  }

  /** However the transfer ends. */
  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.terminal.live('');
  }

  done(what: string): void {
    this.end();
    this.terminal.progress(`${what} (${formatBytes(this.moved)} over the wire)`);
  }
}
