import { z } from 'zod';
import { agentSchema } from './agent.js';
import { SINK_NAME, SINK_NAME_EXPECTED } from './names.js';
import { probeSchema } from './probe.js';
import { sinkSchema } from './sink.js';

export const fileSchema = z.strictObject({
  probes: z
    .array(probeSchema, { error: 'a list of probes' })
    .min(1, { error: 'at least one probe, such as: - image: ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14' })
    .describe('What to run.'),
  sinks: z
    .record(z.string().regex(SINK_NAME, { error: SINK_NAME_EXPECTED }), sinkSchema, {
      error: 'a mapping of sink names to settings',
    })
    .optional()
    .describe('Where events and metrics go. Default: stdout and prometheus.'),
  agent: agentSchema.optional().describe('The agent itself.'),
});

/** The file as validated: names as in the file, durations in ms, sizes in bytes, defaults not yet filled in. */
export type ConfigFile = z.output<typeof fileSchema>;
