import type { Accepts } from '../../../plugins/sdk/index.js';
import type { ColumnsForm } from '../../decode/index.js';

/** What a probe's events are decoded to. */
export interface EventForms {
  readonly ndjson: boolean;
  readonly columns: ColumnsForm;
}

/** What sinks that accept this want together. */
export function eventForms(accepts: readonly Accepts[]): EventForms {
  const wanted = new Set(accepts.flatMap(({ events }) => events || []));
  const withoutColumns = wanted.has('rows') ? 'raw' : 'none';
  return { ndjson: wanted.has('ndjson'), columns: wanted.has('columns') ? 'rendered' : withoutColumns };
}
