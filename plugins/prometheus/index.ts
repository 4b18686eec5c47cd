import { z } from 'zod';
import { defineSink } from '../sdk/index.js';
import { scrapeHandler } from './scrape.js';

const options = z.strictObject({
  /** Path on the agent's server. */
  path: z
    .string()
    .regex(/^\/[\w./-]*$/, 'expected a path such as /metrics')
    .default('/metrics'),
  /** `bumblebee`: the names of the original, in text format 0.0.4 only. */
  naming: z.enum(['prometheus', 'bumblebee']).default('prometheus'),
});

export type PrometheusOptions = z.output<typeof options>;

/** Metrics for whoever scrapes them: Prometheus text 0.0.4 or OpenMetrics 1.0, by the Accept header. */
export default defineSink<PrometheusOptions>({
  apiVersion: 1,
  type: 'prometheus',
  accepts: { events: false, metrics: true },
  options,
  open: (chosen, context) => ({ fetch: scrapeHandler(chosen, context), close() {} }),
});
