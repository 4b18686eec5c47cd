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

  /** Whether a write goes on that nobody waits for. */
  get busy(): boolean {
    return this.running !== undefined;
  }

  /**
   * One attempt at delivering `subject`, of `timeout` ms at most, cut short by `closing`. Never throws: what a sink
   * throws or answers wrongly is a retry.
   */
  async attempt(
    subject: object,
    method: 'write' | 'writeMetrics',
    write: Write,
    timeout: number,
    closing: AbortSignal,
  ): Promise<WriteResult> {
    const abort = new AbortController();
    const onClose = (): void => abort.abort(closing.reason);
    let grace: NodeJS.Timeout | undefined;
    const abandoned = new Promise<WriteResult>((resolve) => {
      const give = (): void => resolve(retry(abort.signal.reason));
      abort.signal.addEventListener('abort', () => {
        grace = setTimeout(give, GRACE_MS);
      });
    });
    const timer = setTimeout(
      () => abort.abort(new PipelineError('TIMEOUT', `no answer within ${timeout} ms`)),
      timeout,
    );
    if (closing.aborted) onClose();
    else closing.addEventListener('abort', onClose, { once: true });
    try {
      return await Promise.race([this.answer(subject, method, write, abort.signal), abandoned]);
    } finally {
      clearTimeout(timer);
      clearTimeout(grace);
      closing.removeEventListener('abort', onClose);
    }
  }

  private async answer(
    subject: object,
    method: 'write' | 'writeMetrics',
    write: Write,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const before = this.running;
    if (before) {
      const late = await before.answer;
      if (before.subject === subject) return late;
    }
    if (signal.aborted) return retry(signal.reason);
    const answer = ask(method, write, signal);
    const running = { subject, answer };
    this.running = running;
    const result = await answer;
    if (this.running === running) this.running = undefined;
    return result;
  }
}

async function ask(
  method: 'write' | 'writeMetrics',
  write: Write,
  signal: AbortSignal,
): Promise<WriteResult> {
  try {
    return checkWriteResult(await write({ signal }), method);
  } catch (error) {
    return retry(error);
  }
}

function retry(error: unknown): WriteResult {
  return { status: 'retry', error: messageOf(error) };
}
