import { CliError } from '../errors.js';

/** `-f map,key,regex`: only records whose field matches are shown. */
export interface ShownFilter {
  readonly map: string;
  readonly field: string;
  readonly pattern: RegExp;
}

/** By map: a record is shown where all filters of its map match. */
export type ShownFilters = ReadonlyMap<string, readonly ShownFilter[]>;

export function shownFilters(texts: readonly string[]): ShownFilters {
  const filters = new Map<string, ShownFilter[]>();
  for (const filter of texts.map(parseFilter))
    filters.set(filter.map, [...(filters.get(filter.map) ?? []), filter]);
  return filters;
}

/** As BumbleBee has it; the expression may hold commas. */
function parseFilter(text: string): ShownFilter {
  const [map, field, ...rest] = text.split(',');
  if (!map || !field || rest.length === 0)
    throw new CliError('USAGE', `--filter ${JSON.stringify(text)}: expected map,key,regex`, {
      hint: 'For example: --filter print_events,comm,^curl$',
    });
  try {
    return { map, field, pattern: new RegExp(rest.join(','), 'u') };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError('USAGE', `--filter ${JSON.stringify(text)}: ${reason}`);
  }
}

/** `-b map,[1,2,3]`: the upper bounds of a histogram's buckets. */
export function parseBuckets(text: string): { map: string; buckets: number[] } {
  const match = /^([^,]+),\s*\[([^\]]*)\]$/.exec(text);
  const listed = match?.[2]?.split(',') ?? [];
  const buckets = listed.map((one) => Number(one.trim() || Number.NaN));
  const ascending = buckets.every(
    (bound, i) => Number.isFinite(bound) && (i === 0 || bound > buckets[i - 1]!),
  );
  if (!match || buckets.length === 0 || !ascending)
    throw new CliError(
      'USAGE',
      `--hist-buckets ${JSON.stringify(text)}: expected map,[n,n,…] with ascending numbers`,
      { hint: 'For example: --hist-buckets hist_latency,[1,10,100]' },
    );
  return { map: match[1]!, buckets };
}

/** `-k map,key`: the field that a histogram observes. */
export function parseValueKey(text: string): { map: string; value: string } {
  const [map, value, ...rest] = text.split(',');
  if (!map || !value || rest.length > 0)
    throw new CliError('USAGE', `--hist-value-key ${JSON.stringify(text)}: expected map,key`);
  return { map, value };
}

/** `--param name=value`; its type is checked against the probe's own. */
export function parseParam(text: string): { name: string; value: string } {
  const at = text.indexOf('=');
  if (at < 1) throw new CliError('USAGE', `--param ${JSON.stringify(text)}: expected name=value`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}
