import { isatty } from 'node:tty';
import { z } from 'zod';
import { defineSink } from '../sdk/index.js';
import { jsonSink } from './json.js';
import { prettySink } from './pretty.js';

export { cellText, type Formats, formatsOf } from './cells.js';
export { printable } from './display.js';
export { humanDuration } from './duration.js';
export { Output } from './output.js';

const options = z.strictObject({
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  format: z.enum(['auto', 'json', 'pretty']).default('auto'),
  /** `auto`: on a terminal, as NO_COLOR, FORCE_COLOR and TERM say. */
  color: z.enum(['auto', 'always', 'never']).default('auto'),
});

export type StdoutOptions = z.output<typeof options>;

function isPretty({ format }: StdoutOptions): boolean {
  return format === 'pretty' || (format === 'auto' && isatty(1));
}

/** Events on standard output: JSON lines for programs, columns for people. */
export default defineSink<StdoutOptions>({
  apiVersion: 1,
  type: 'stdout',
  // The columns say which numbers are durations.
  accepts: (chosen) => ({ events: isPretty(chosen) ? ['rows', 'columns'] : ['ndjson'], metrics: false }),
  options,
  open: (chosen) => (isPretty(chosen) ? prettySink(chosen.color) : jsonSink()),
});
