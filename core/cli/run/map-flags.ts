import { CliError } from '../errors.js';

/** `-f map,key,regex`: only records whose field matches are shown. */
export interface ShownFilter {
  readonly map: string;
  readonly field: string;
  readonly pattern: { test(text: string): boolean };
}

/** By map, one a field: a record is shown where all filters of its map match. */
export type ShownFilters = ReadonlyMap<string, readonly ShownFilter[]>;

/**
 * The expressions are BumbleBee's, so Go's: RE2's syntax, in a time that grows with the text only. A record's text may
 * be anybody's, and a backtracking engine could be held up by it. The library is loaded here: it takes as long as a
 * tenth of the start.
 */
export async function shownFilters(texts: readonly string[]): Promise<ShownFilters> {
  const filters = new Map<string, ShownFilter[]>();
  if (texts.length === 0) return filters;
  const { RE2JS } = await import('re2js');
  for (const text of texts) {
    const { map, field, expression } = parseFilter(text);
    try {
      const filter = { map, field, pattern: RE2JS.compile(expression) };
      // Of several for one field the last one counts, as in BumbleBee: what a script gives, its caller can replace.
      const others = (filters.get(map) ?? []).filter((one) => one.field !== field);
      filters.set(map, [...others, filter]);
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : error;
      throw new CliError('USAGE', `--filter ${JSON.stringify(text)}: ${reason}`, {
        hint: "Expressions are Go's (RE2): without lookaround and back-references.",
      });
    }
  }
  return filters;
}

/** As BumbleBee has it; the expression may hold commas. */
export function parseFilter(text: string): { map: string; field: string; expression: string } {
  const [map, field, ...rest] = text.split(',');
  if (!map || !field || rest.length === 0)
    throw new CliError('USAGE', `--filter ${JSON.stringify(text)}: expected map,key,regex`, {
      hint: 'For example: --filter print_events,comm,^curl$',
    });
  return { map, field, expression: rest.join(',') };
}

/**
 * `-b map,[1,2,3]`: the upper bounds of a histogram's buckets. As BumbleBee has it, the brackets may be left out, and a
 * last bound `+Inf` is the one that every histogram has.
 */
export function parseBuckets(text: string): { map: string; buckets: number[] } {
  const match = /^([^,]+),\s*(?:\[([^[\]]*)\]|([^[\]]*))$/.exec(text);
  const listed = (match?.[2] ?? match?.[3] ?? '').split(',').map((one) => one.trim());
  if (listed.length > 1 && /^\+?inf(?:inity)?$/i.test(listed.at(-1)!)) listed.pop();
  const buckets = listed.map((one) => Number(one || Number.NaN));
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
