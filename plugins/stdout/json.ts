import type { Sink } from '../sdk/index.js';
import { Output } from './output.js';

/** The decoder's own lines, straight through. */
export function jsonSink(): Sink {
  const output = new Output();
  return {
    write: (batch, call) => output.write(batch.data, () => batch.ndjson, call),
    close: () => output.close(),
  };
}
