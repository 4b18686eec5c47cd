import { expect, it } from 'vitest';
import { eventForms } from '../../../core/agent/plan/event-forms.js';
import type { EventForm } from '../../../plugins/sdk/index.js';

it.each<[EventForm[][], boolean, string]>([
  [[], false, 'none'],
  [[[]], false, 'none'],
  [[['ndjson']], true, 'none'],
  [[['rows']], false, 'raw'],
  [[['columns']], false, 'rendered'],
  [[['rows', 'ndjson'], ['columns']], true, 'rendered'],
  [[['rows'], ['ndjson']], true, 'raw'],
])('sinks that accept %j', (all, ndjson, columns) => {
  const accepts = all.map((events) => ({ events, metrics: false }));
  expect(eventForms([{ events: false, metrics: true }, ...accepts])).toEqual({ ndjson, columns });
});
