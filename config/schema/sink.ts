import { z } from 'zod';
import { batchSchema, bufferSchema, queueSchema } from './delivery.js';
import { DAY_MS, duration, line } from './values.js';

/** The host's keys; every other key of a sink is an option of its own. */
export const sinkSchema = z.looseObject({
  type: line('stdout, prometheus, file, loki, otlp, a package name, or a path such as ./my-sink.js').describe(
    'A built-in sink, a package name, or a path (./my-sink.js) relative to this file.',
  ),
  isolate: z
    .union([z.enum(['process', 'thread']), z.boolean()], { error: 'process, thread, true or false' })
    .optional()
    .describe(
      'Where a custom sink runs: in a process of its own (the default; also true), in a thread of its own, or on the main thread (false). Built-in sinks are always there.',
    ),
  interval: duration(100, DAY_MS)
    .optional()
    .describe("Time between two metric writes. Default: the sink's own."),
  queue: queueSchema.optional().describe('Bounds of what waits for the sink.'),
  buffer: bufferSchema
    .optional()
    .describe('Events wait on the disk, and survive a crash of the agent. Default: in memory.'),
  batch: batchSchema
    .optional()
    .describe("How events are put together for one write. Default: the sink's own, else as they come."),
});

export type SinkEntry = z.output<typeof sinkSchema>;
