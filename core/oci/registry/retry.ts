import { setTimeout as sleep } from 'node:timers/promises';
import { OciError } from '../error.js';

/** A failure that may be gone at the next attempt. Never leaves the registry client: callers see `error`. */
export class Transient extends Error {
  override readonly name = 'Transient';
  readonly error: OciError;
  /** What the server asked for in Retry-After, ms. */
  readonly after: number | undefined;
  /** An upload that the registry has not as we have it: the same request is answered the same. */
  readonly isLost: boolean;

  constructor(error: OciError, after?: number, isLost = false) {
    super(error.message, { cause: error });
    this.error = error;
    this.after = after;
    this.isLost = isLost;
  }
}

export interface RetryOptions {
  /** First and others. Default 5. */
  readonly attempts?: number | undefined;
  /** Before the second attempt, ms; doubles each time, up to 10 s. Default 300. */
  readonly backoff?: number | undefined;
  /** The longest Retry-After that is waited for, ms; a longer one ends the attempts. Default 60 s. */
  readonly maxRetryAfter?: number | undefined;
}

const MAX_BACKOFF = 10_000;

/** Try until it succeeds, fails for good, or the attempts are used up. */
export async function withRetry<T>(
  attempt: () => Promise<T>,
  options: RetryOptions,
  signal?: AbortSignal,
): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      await afterFailure(error, n, options, signal);
    }
  }
}

/** After attempt `n`: wait until the next may begin. Rejects where none may: for good, or the attempts are used up. */
export async function afterFailure(
  error: unknown,
  n: number,
  options: RetryOptions,
  signal?: AbortSignal,
): Promise<void> {
  const attempts = options.attempts ?? 5;
  if (!(error instanceof Transient)) throw error;
  if (n >= attempts) throw attempts === 1 ? error.error : gaveUp(error.error, attempts);
  await pause(error, n, options, signal);
}

/** Wait before attempt `n + 1`. Rejects when the server asked for more patience than is allowed. */
async function pause(
  failure: Transient,
  n: number,
  options: RetryOptions,
  signal?: AbortSignal,
): Promise<void> {
  const most = options.maxRetryAfter ?? 60_000;
  if (failure.after !== undefined && failure.after > most) {
    const { code, message } = failure.error;
    const seconds = Math.ceil(failure.after / 1000);
    throw new OciError(code, `${message}; it asks to come back in ${seconds} s`, { cause: failure.error });
  }
  // Jitter: many agents that failed together must not come back together.
  const backoff = Math.min((options.backoff ?? 300) * 2 ** (n - 1), MAX_BACKOFF) * (0.5 + Math.random() / 2);
  try {
    await sleep(Math.max(failure.after ?? 0, backoff), undefined, signal === undefined ? {} : { signal });
  } catch (cause) {
    throw new OciError('ABORTED', `interrupted while waiting to try again: ${failure.error.message}`, {
      cause,
    });
  }
}

/** Seconds or an HTTP date, as ms from now. Nonsense counts as absent. */
export function parseRetryAfter(text: string | null, now = Date.now()): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function gaveUp({ code, message, cause }: OciError, attempts: number): OciError {
  return new OciError(code, `${message} (gave up after ${attempts} attempts)`, { cause });
}
