import { BatchParts, defineSink } from '../sdk/index.js';
import { type LokiOptions, options } from './options.js';
import { Order } from './order.js';
import { Pusher } from './push.js';
import { cut, needsRows, type Shape, streamsOf } from './streams.js';

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
    const order = new Order();
    const parts = new BatchParts();
    let closed = false;
    return {
      async write(batch, { signal }) {
        if (closed) return { status: 'closed' };
        const streams = streamsOf(batch, shape);
        order.arrange(batch, streams);
        return parts.write(batch.data, batch.count, (from, to) =>
          pusher.push(cut(streams, from, to), signal),
        );
      },
      close() {
        closed = true;
        pusher.close();
      },
    };
  },
});
