import { z } from 'zod';
import { defineSink } from '../sdk/index.js';
import { jsonSink } from './json.js';
import { prettySink } from './pretty.js';

const options = z.strictObject({
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  format: z.enum(['auto', 'json', 'pretty']).default('auto'),
  color: z.enum(['auto', 'always', 'never']).default('auto'),
});

export type StdoutOptions = z.output<typeof options>;

function isPretty({ format }: StdoutOptions): boolean {
  return format === 'pretty' || (format === 'auto' && process.stdout.isTTY === true);
}

/** Events on standard output: JSON lines for programs, columns for people. */
export default defineSink<StdoutOptions>({
  apiVersion: 1,
  type: 'stdout',
  accepts: (chosen) => ({ events: [isPretty(chosen) ? 'rows' : 'ndjson'], metrics: false }),
  options,
  open: (chosen) => (isPretty(chosen) ? prettySink(chosen) : jsonSink()),
});
