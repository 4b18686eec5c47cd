import type { Sink } from '../sdk/index.js';
import { Output } from './output.js';

/** The decoder's own lines, straight through. */
export function jsonSink(): Sink {
  const output = new Output();
  return {
    write: (batch, { signal }) => output.write(batch.data, () => batch.ndjson, signal),
    close: () => output.close(),
  };
}
