import { messageOf } from '../error.js';

/** What nobody caught, with the first place of it that is the sink's, so that a throw from a timer can be found. */
export function thrownText(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const place = /\(?((?:file:\/\/)?\/[^\s()]+:\d+):\d+\)?/.exec(stack)?.[1];
  return `${messageOf(error)}${place ? ` (${place.replace(/^file:\/\//, '')})` : ''}`;
}
