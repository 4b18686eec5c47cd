import { z } from 'zod';
import { DAY_MS, duration, integer, line, pattern } from './values.js';

const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const FIELD = /^[^\s.]+(?:\.[^\s.]+)*$/;

const field = pattern('the name of a field, such as delta_us or addr.port', FIELD);

export const mapSchema = z.strictObject({
  export: z
    .enum(['event', 'counter', 'gauge', 'histogram', 'none'])
    .optional()
    .describe(
      "What becomes of the map. Default: from its name's prefix (print_, counter_, gauge_, hist_) or section.",
    ),
  filter: pattern('an expression such as: ret < 0 && comm != "systemd"', /\S/)
    .trim()
    .optional()
    .describe('Which records count, decided in the worker before anything is made of them.'),
  value: field.optional().describe('Field that holds the number of a counter, gauge or histogram.'),
  labels: z
    .array(field, { error: 'a list of field names' })
    .optional()
    .describe('Fields that become labels. Default: every field that is not the value, or those of the key.'),
  exemplar: z
    .array(field, { error: 'a list of field names' })
    .min(1, { error: 'at least one field' })
    .optional()
    .describe(
      "Fields of single records that are shown beside the counts of a ring's counter or histogram, as OpenMetrics exemplars; then no labels unless `labels` names them.",
    ),
  buckets: z
    .array(z.number({ error: 'a number' }), { error: 'a list of numbers' })
    .min(1, { error: 'at least one upper bound' })
    .max(1000, { error: 'at most 1000 upper bounds' })
    .optional()
    .describe("A histogram's upper bounds, ascending, in the field's own unit."),
  scale: z
    .enum(['linear', 'log2', 'exponential'])
    .optional()
    .describe(
      "How the bucket field of a histogram hash is read: `linear`, it is the bound; `log2`, slot n ends at 2^(n+1)-1. `exponential`: a ring's histogram counts in buckets of OpenTelemetry's exponential histogram, without `buckets`.",
    ),
  interval: duration(10, DAY_MS)
    .optional()
    .describe(
      'Time between reads of a hash or array map. Default 1s for events; series are read when somebody collects them, once a second at most.',
    ),
  max_series: integer(1, 10_000_000).optional().describe('Series kept at most. Default 10000.'),
  metric: pattern('a metric name of letters, digits and "_" that begins with no digit', METRIC_NAME)
    .optional()
    .describe("Name of the metric, instead of the one made from the map's name."),
  help: line('one line of text').optional().describe('HELP text of the metric.'),
  timestamp: field.optional().describe("Field that holds the record's own time."),
  type: pattern('a C type such as: struct event', /^(?:(?:struct|union) )?[A-Za-z_]\w*$/)
    .optional()
    .describe('Record type of a ring buffer that names none.'),
  expire: duration(1000, 20 * DAY_MS)
    .optional()
    .describe("Time without an update after which a ring's series goes. Default: never."),
});

export type MapEntry = z.output<typeof mapSchema>;
