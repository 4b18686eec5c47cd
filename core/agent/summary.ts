import { lossText } from './losses.js';
import type { AgentStatus } from './status.js';

/** What became of everything, a line a sink that received something: the last word of a stopped agent. */
export function summary({ sinks }: AgentStatus): string[] {
  return sinks
    .filter(({ received }) => received > 0)
    .map(({ name, received, delivered, queued, lost }) => {
      const kept = queued > 0 ? `, ${queued} kept` : '';
      return `sink ${name}: ${received} records, ${delivered} delivered${kept}, lost: ${lossText(lost)}`;
    });
}
