import { defineSink } from '../sdk/index.js';
import { type LokiOptions, options } from './options.js';
import { Pusher } from './push.js';
import { needsRows, type Shape, streamsOf } from './streams.js';

export type { LokiOptions };

const shapeOf = (chosen: LokiOptions): Shape => ({
  labels: chosen.labels,
  metadata: chosen.metadata,
  fixed: Object.entries(chosen.extra_labels),
});

/** Events as lines of Grafana Loki. */
export default defineSink<LokiOptions>({
  apiVersion: 1,
  type: 'loki',
  maxConcurrency: 64,
  batch: { maxEvents: 10_000, maxBytes: 1 << 20, maxWait: 1 },
  accepts: (chosen) => ({
    events: needsRows(shapeOf(chosen)) ? ['ndjson', 'rows'] : ['ndjson'],
    metrics: false,
  }),
  options,
  async open(chosen, context) {
    const shape = shapeOf(chosen);
    const pusher = await Pusher.open(chosen, context.directory);
    let closed = false;
    return {
      async write(batch, { signal }) {
        if (closed) return { status: 'closed' };
        return pusher.push(streamsOf(batch, shape), signal);
      },
      close() {
        closed = true;
        pusher.close();
      },
    };
  },
});
