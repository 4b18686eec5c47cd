import type { Sink } from '../sdk/index.js';
import { writeStdout } from './output.js';

export function jsonSink(): Sink {
  let closed = false;
  return {
    write: async (batch, { signal }) => (closed ? { status: 'closed' } : writeStdout(batch.ndjson, signal)),
    close() {
      closed = true;
    },
  };
}
