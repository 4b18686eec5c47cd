import { checkWriteResult, type WriteCall, type WriteResult } from '../../plugins/sdk/index.js';
import { messageOf, PipelineError } from './error.js';

/** How long a write may go on after its signal, before its attempt is abandoned. */
export const GRACE_MS = 500;

type Write = (call: WriteCall) => WriteResult | Promise<WriteResult>;

/**
 * A place in which one write at a time runs. A write that goes on after its attempt was abandoned keeps the place:
 * the sink never sees more writes at once than it declared, and a late answer is still taken for the same batch,
 * instead of delivering that twice.
 */
export class Slot {
  private running: { readonly subject: object; readonly answer: Promise<WriteResult> } | undefined;
  private attempted: Attempt | undefined;
  private closed: { readonly reason: unknown } | undefined;

  /** Whether a write goes on that nobody waits for. */
  get busy(): boolean {
    return this.running !== undefined;
  }

  /**
   * One attempt at delivering `subject`, of `timeout` ms at most. Never throws: what a sink throws or answers wrongly
   * is a retry.
   */
  async attempt(
    subject: object,
    method: 'write' | 'writeMetrics',
    write: Write,
    timeout: number,
  ): Promise<WriteResult> {
    const attempt = new Attempt(timeout);
    this.attempted = attempt;
    if (this.closed) attempt.abort(this.closed.reason);
    void this.answer(subject, method, write, attempt).then(attempt.settle);
    const result = await attempt.result;
    attempt.end();
    this.attempted = undefined;
    return result;
  }

  /** Cuts short the attempt that runs, and every later one. */
  close(reason: unknown): void {
    this.closed ??= { reason };
    this.attempted?.abort(reason);
  }

  private async answer(
    subject: object,
    method: 'write' | 'writeMetrics',
    write: Write,
    attempt: Attempt,
  ): Promise<WriteResult> {
    const before = this.running;
    if (before) {
      const late = await before.answer;
      if (before.subject === subject) return late;
    }
    if (attempt.aborted) return retry(attempt.aborted.reason);
    const answer = ask(method, write, attempt.call);
    const running = { subject, answer };
    this.running = running;
    const result = await answer;
    if (this.running === running) this.running = undefined;
    return result;
  }
}

/** What bounds one attempt. */
class Attempt {
  aborted: { readonly reason: unknown } | undefined;
  readonly result: Promise<WriteResult>;
  /** Of several calls the first counts. */
  settle!: (result: WriteResult) => void;
  private controller: AbortController | undefined;
  private timer: NodeJS.Timeout;

  constructor(timeout: number) {
    this.result = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.timer = setTimeout(
      () => this.abort(new PipelineError('TIMEOUT', `no answer within ${timeout} ms`)),
      timeout,
    );
  }

  /** What the sink is given. The signal is made when it asks: that takes longer than many a write. */
  get call(): WriteCall {
    const signal = (): AbortSignal => this.signal;
    return {
      get signal() {
        return signal();
      },
    };
  }

  private get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.aborted) this.controller.abort(this.aborted.reason);
    }
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = { reason };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(retry(reason)), GRACE_MS);
    this.controller?.abort(reason);
  }

  /** Its bounds are not watched any more. */
  end(): void {
    clearTimeout(this.timer);
  }
}

async function ask(method: 'write' | 'writeMetrics', write: Write, call: WriteCall): Promise<WriteResult> {
  try {
    return checkWriteResult(await write(call), method);
  } catch (error) {
    return retry(error);
  }
}

function retry(error: unknown): WriteResult {
  return { status: 'retry', error: messageOf(error) };
}
