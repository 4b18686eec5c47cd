import { inspect } from 'node:util';
import type { WriteResult } from './sink.js';

/**
 * What a sink answered, as a {@link WriteResult} with known fields only; throws an Error that says what is wrong
 * with it. For hosts: plain JavaScript answers anything.
 */
export function checkWriteResult(value: unknown, method: 'write' | 'writeMetrics' | 'send'): WriteResult {
  const wrong = (problem: string): never => {
    const shown = inspect(value, { depth: 1, breakLength: Infinity }).slice(0, 200);
    throw new TypeError(
      `${method}() answered ${shown}: ${problem}; expected { status: 'ok' | 'retry' | 'drop' | 'closed' }`,
    );
  };
  if (typeof value !== 'object' || value === null) return wrong('no object');
  const { status, rejected, after, error } = value as Record<string, unknown>;
  const said = error === undefined ? {} : { error: textOf(error) };
  switch (status) {
    case 'ok':
      if (rejected === undefined) return { status };
      if (!Number.isSafeInteger(rejected) || (rejected as number) < 0)
        return wrong('`rejected` is no number of events');
      return { status, rejected: rejected as number, ...said };
    case 'retry':
      if (after === undefined) return { status, ...said };
      if (typeof after !== 'number' || Number.isNaN(after) || after < 0)
        return wrong('`after` is no number of milliseconds');
      return { status, after, ...said };
    case 'drop':
    case 'closed':
      return { status, ...said };
    default:
      return wrong('unknown status');
  }
}

/** Characters of an error that are kept: some hold a whole response. */
const MOST_TEXT = 2_000;

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text;
}
