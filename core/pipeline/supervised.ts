import type { Sink } from '../../plugins/sdk/index.js';

/** What a sink tells of itself while nothing is asked of it. */
export interface Supervisor {
  /** It cannot do anything now; it tries to be mended by itself. */
  failed(error: Error): void;
  /** It can again. */
  recovered(): void;
}

/** A sink that may fail between two writes, and knows. */
export interface Supervised extends Sink {
  supervise(supervisor: Supervisor): void;
}

export function isSupervised(sink: Sink): sink is Supervised {
  return 'supervise' in sink && typeof sink.supervise === 'function';
}
