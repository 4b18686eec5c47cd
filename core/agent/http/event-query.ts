import type { ProbeStatus } from '../status.js';
import { type EventQuery, MAX_TAIL } from './events.js';

/** What `/events` was asked for. */
export interface FollowQuery extends EventQuery {
  readonly follow: boolean;
}

/** The query, or what is wrong with it. */
export function eventQuery(query: Record<string, string>): FollowQuery | string {
  const known = ['probe', 'map', 'limit', 'follow'];
  const unknown = Object.keys(query).find((key) => !known.includes(key));
  if (unknown !== undefined)
    return `Unknown parameter ${JSON.stringify(unknown)}. There is: ${known.join(', ')}`;
  const limit = query.limit === undefined ? MAX_TAIL : Number(query.limit);
  if (!/^\d*$/.test(query.limit ?? '') || query.limit === '' || limit > MAX_TAIL) {
    return `limit must be a number from 0 to ${MAX_TAIL}`;
  }
  const follow = query.follow;
  if (follow !== undefined && !['', '1', 'true', '0', 'false'].includes(follow))
    return 'follow must be true or false';
  return {
    limit,
    follow: follow !== undefined && !['0', 'false'].includes(follow),
    ...(query.probe ? { probe: query.probe } : {}),
    ...(query.map ? { map: query.map } : {}),
  };
}

/** What is said of a probe or a map that can have no events; undefined where there may be some, now or later. */
export function unknownSource(
  { probe, map }: EventQuery,
  probes: readonly ProbeStatus[],
): string | undefined {
  const asked = probes.filter(({ name }) => probe === undefined || name === probe);
  if (asked.length === 0)
    return `No probe ${JSON.stringify(probe)}. There is: ${probes.map(({ name }) => name).join(', ')}`;
  // The maps of a probe are not known before it was loaded.
  if (map === undefined || asked.some(({ state, maps }) => state !== 'running' && maps.length === 0))
    return undefined;
  const sources = asked.flatMap(({ name, maps }) =>
    maps.filter((one) => one.export === 'event').map((one) => ({ probe: name, map: one.name })),
  );
  if (sources.some((source) => source.map === map)) return undefined;
  const there = sources.map((source) => `${source.probe}/${source.map}`).join(', ');
  return `No events of a map ${JSON.stringify(map)}. There is: ${there || 'none'}`;
}
