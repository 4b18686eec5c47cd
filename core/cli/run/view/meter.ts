import type { AgentStatus } from '../../../agent/index.js';

/** What the agent counted, as the status line shows it. */
export interface Reading {
  /** Events a second; undefined before there are two readings. */
  readonly rate: number | undefined;
  readonly total: number;
  /** Events lost, by reason; `view` before reasons of this view's own queue. */
  readonly lost: ReadonlyMap<string, number>;
  /** There are rings whose losses the probe does not count. */
  readonly isLossUnknown: boolean;
  readonly rates: ReadonlyMap<string, number>;
}

/** Seconds that a rate is a mean of. */
const WINDOW = 3;

/** Turns counts into rates. Events are the records of rings, and entries of hashes that are shown as events. */
export class Meter {
  private history: { readonly at: number; readonly counts: ReadonlyMap<string, number> }[] = [];

  /** `now`: ms of a steady clock. */
  read(status: AgentStatus, sink: string, now: number): Reading {
    const maps = status.probes.flatMap((probe) => probe.maps);
    const counts = new Map(
      maps
        .filter(({ type, export: kind }) => type === 'ringbuf' || kind === 'event')
        .map(({ name, records }) => [name, records]),
    );
    const lost = new Map<string, number>();
    const add = (reason: string, count: number): void =>
      void lost.set(reason, (lost.get(reason) ?? 0) + count);
    for (const map of maps) for (const [reason, count] of Object.entries(map.lost)) add(reason, count);
    for (const { name, lost: own } of status.sinks)
      if (name === sink) for (const [reason, count] of Object.entries(own)) add(`view ${reason}`, count);
    const rates = this.rates(counts, now);
    return {
      rate: rates && sum(rates.values()),
      total: sum(counts.values()),
      lost,
      isLossUnknown: maps.some((map) => map.type === 'ringbuf' && map.lost.ring_full === undefined),
      rates: rates ?? new Map(),
    };
  }

  private rates(counts: ReadonlyMap<string, number>, now: number): Map<string, number> | undefined {
    const oldest = this.history[0];
    this.history.push({ at: now, counts });
    if (this.history.length > WINDOW) this.history.shift();
    if (!oldest || now <= oldest.at) return undefined;
    const seconds = (now - oldest.at) / 1000;
    return new Map(
      [...counts].map(([map, count]) => [map, (count - (oldest.counts.get(map) ?? 0)) / seconds]),
    );
  }
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
