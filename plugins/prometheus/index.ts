import { resolve } from 'node:path';
import { z } from 'zod';
import { defineSink } from '../sdk/index.js';
import { type Address, parseAddress } from './address.js';
import { scrapeHandler } from './scrape.js';

const ADDRESS = 'expected an address such as 127.0.0.1:9100, [::1]:9100, :9100 or unix:/run/prom.sock';

const options = z
  .strictObject({
    /** Where the metrics are. */
    path: z
      .string()
      .regex(/^\/[\w./-]*$/, 'expected a path such as /metrics')
      .default('/metrics'),
    /** An address of the sink's own, which serves `path` and nothing else; without it, `path` is on the agent's server. */
    listen: z
      .string(ADDRESS)
      .transform((text, context): Address => {
        const address = parseAddress(text);
        if (address) return address;
        context.issues.push({ code: 'custom', input: text, message: ADDRESS });
        return z.NEVER;
      })
      .optional(),
    /** TLS and basic auth of `listen`, by exporter-toolkit's web config file; relative to the config file. */
    web_config: z
      .string('expected the path of a web config file')
      .min(1, 'expected the path of a web config file')
      .optional(),
    /** `bumblebee`: the names of the original, in text format 0.0.4 only. */
    naming: z.enum(['prometheus', 'bumblebee']).default('prometheus'),
  })
  .refine(({ web_config: file, listen: address }) => file === undefined || address !== undefined, {
    path: ['web_config'],
    message: "protects an address of the sink's own: give it one with `listen:`",
  });

export type PrometheusOptions = z.output<typeof options>;

/** Metrics for whoever scrapes them: Prometheus text 0.0.4 or OpenMetrics 1.0, by the Accept header. */
export default defineSink<PrometheusOptions>({
  apiVersion: 1,
  type: 'prometheus',
  accepts: { events: false, metrics: true },
  options,
  async open(chosen, context) {
    const fetch = scrapeHandler(chosen, context);
    if (!chosen.listen) return { fetch, close() {} };
    // Few need a server of the sink's own: a start of the others does not wait for its libraries.
    const [{ listen }, { WebGuard }] = await Promise.all([
      import('./listen.js'),
      import('./web-config/index.js'),
    ]);
    const guard =
      chosen.web_config && new WebGuard(resolve(context.directory, chosen.web_config), context.log);
    const listener = await listen(chosen.listen, chosen.path, fetch, guard || undefined);
    context.log.info(
      `metrics at ${listener.url}${listener.url.startsWith('unix:') ? ` ${chosen.path}` : chosen.path}`,
    );
    let closed: Promise<void> | undefined;
    return {
      fetch,
      close: () => {
        closed ??= listener.close();
        return closed;
      },
    };
  },
});
