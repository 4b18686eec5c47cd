import type { PartResult, SinkContext } from '../sdk/index.js';
import { partialSuccess } from './partial-success.js';

const MAX_WORDS = 300;
/** Specification, "OTLP/HTTP Response": these, and no others, may be tried again. */
const RETRYABLE = new Set([429, 502, 503, 504]);
const TOO_LARGE = 413;
/** ms between two lines in the log. */
const LOG_PAUSE = 60_000;

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

/** What a collector's answers mean. */
export class Answers {
  private readonly unreadable: { add(value: number): void };
  private logged = Number.NEGATIVE_INFINITY;

  constructor(private readonly context: Pick<SinkContext, 'log' | 'telemetry'>) {
    this.unreadable = context.telemetry.counter(
      'unreadable_answers_total',
      'Successes whose text says, in no way that is known, whether something was refused.',
    );
  }

  /**
   * A partial success is a success: what was rejected is counted, and never sent again. It is in the form of the
   * answer, which `json` says where the answer does not.
   */
  resultOf({ status, retryAfter, contentType, body }: Answer, json: boolean): PartResult {
    if (status >= 200 && status < 300) {
      const partial = partialSuccess(body, contentType === undefined ? json : /\bjson\b/.test(contentType));
      if (partial === undefined) {
        this.warn(contentType);
        return { status: 'ok' };
      }
      const { rejected, words } = partial;
      if (rejected === 0) return { status: 'ok' };
      const error = `the collector rejected them${words === '' ? '' : `: ${printable(words)}`}`;
      return { status: 'ok', rejected, error };
    }
    const words = printable(body.toString('utf8'));
    const error = `the collector answered ${status}${words === '' ? '' : `: ${words}`}`;
    if (status === TOO_LARGE) return { status: 'split', error, tooLarge: true };
    if (!RETRYABLE.has(status)) return { status: 'drop', error };
    const after = retryAfterMs(retryAfter);
    return after === undefined ? { status: 'retry', error } : { status: 'retry', error, after };
  }

  private warn(contentType = ''): void {
    this.unreadable.add(1);
    const now = performance.now();
    if (now - this.logged < LOG_PAUSE) return;
    this.logged = now;
    this.context.log.warn(
      `the collector's answer (200, content-type ${JSON.stringify(printable(contentType))}) is no OTLP response: whether it refused something in part is not known`,
    );
  }
}

function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .slice(0, MAX_WORDS)
    .trim();
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfterMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
