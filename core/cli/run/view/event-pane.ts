import type { EventBatch } from '../../../../plugins/sdk/index.js';
import type { ShownFilter } from '../map-flags.js';
import { EventFeed, type EventRow } from './event-feed.js';
import { bySort, Grid, nextSort, type Sort } from './grid.js';
import type { Palette } from './line.js';
import { grouped, rateText } from './numbers.js';
import type { Area, Pane } from './pane.js';
import { rowFilter } from './row-filter.js';

/** ms between two orderings of rows that keep coming. */
const SORT_MS = 500;
/** ms for what waits when the view is paused. */
const FREEZE_MS = 20;

/** A table of events, the newest at the bottom. */
export class EventPane implements Pane {
  page = 1;
  /** Events a second, as counted by the agent. */
  rate: number | undefined;
  private readonly feed: EventFeed;
  private readonly grid = new Grid();
  private sort: Sort | undefined;
  private filterText = '';
  private leftOut = 0;
  /** Sequence of the first row shown; undefined: the newest are followed. */
  private anchor: number | undefined;
  /** The same, by position, where rows have another order. */
  private offset = 0;
  /** What is held: everything, and of that what is shown. */
  private frozen: { readonly all: readonly EventRow[]; readonly shown: readonly EventRow[] } | undefined;
  private takenWhenFrozen = 0;
  private sorted: { readonly rows: readonly EventRow[]; readonly at: number } | undefined;

  constructor(
    readonly map: string,
    flags: readonly ShownFilter[],
  ) {
    this.feed = new EventFeed(flags);
  }

  get note(): string {
    return this.rate === undefined ? '' : `${rateText(this.rate)}/s`;
  }

  take(batch: EventBatch): void {
    this.feed.take(batch);
  }

  absorb(budget: number): boolean {
    return this.feed.absorb(budget) && this.frozen === undefined;
  }

  get isBehind(): boolean {
    return this.feed.isBehind;
  }

  draw(area: Area, colors: Palette): string[] {
    const { fields } = this.feed;
    if (fields.length === 0) return [];
    this.page = Math.max(1, area.height - 1);
    const rows = this.visible(this.page).map(({ time, values }) => ({ lead: clock(time), values }));
    return this.grid.draw(
      fields,
      rows,
      { lead: 'TIME'.padEnd(CLOCK_WIDTH), sort: this.sort, shift: this.leftOut },
      area,
      colors,
    );
  }

  private visible(count: number): EventRow[] {
    const { length } = this;
    const from = this.top(count);
    const rows: EventRow[] = [];
    for (let i = from; i < Math.min(length, from + count); i++) {
      const row = this.at(i);
      if (row) rows.push(row);
    }
    return rows;
  }

  private get length(): number {
    return this.ordered()?.length ?? this.feed.rows.length;
  }

  private at(index: number): EventRow | undefined {
    const ordered = this.ordered();
    return ordered ? ordered[index] : this.feed.rows.at(index);
  }

  /** Rows in another order than the feed's, or held: an array. */
  private ordered(): readonly EventRow[] | undefined {
    const { sort, frozen } = this;
    if (!sort) return frozen?.shown;
    const isStale = !frozen && performance.now() - (this.sorted?.at ?? 0) > SORT_MS;
    if (!this.sorted || isStale)
      this.sorted = {
        rows: [...(frozen?.shown ?? this.feed.rows.toArray())].sort(bySort<EventRow>(sort)),
        at: performance.now(),
      };
    return this.sorted.rows;
  }

  /** Index of the first row on a page of `count`. */
  private top(count: number): number {
    const last = Math.max(0, this.length - count);
    if (this.sort) return Math.min(this.offset, last);
    if (this.anchor === undefined) return last;
    return Math.min(this.indexOf(this.anchor), last);
  }

  /** Of the first row that is not older than `sequence`. */
  private indexOf(sequence: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.at(middle)?.sequence ?? sequence) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  scroll(lines: number): void {
    const last = Math.max(0, this.length - this.page);
    const top = Math.max(0, Math.min(this.top(this.page) + lines, last));
    this.offset = top;
    if (this.sort) return;
    // At the end, the newest are followed again.
    this.anchor = top >= last ? undefined : this.at(top)?.sequence;
  }

  toStart(): void {
    this.offset = 0;
    if (!this.sort) this.anchor = this.length > this.page ? this.at(0)?.sequence : undefined;
  }

  toEnd(): void {
    this.offset = Math.max(0, this.length - this.page);
    this.anchor = undefined;
  }

  get isCut(): boolean {
    return this.grid.isCut;
  }

  shift(columns: number): void {
    this.leftOut = Math.max(0, Math.min(this.leftOut + columns, this.feed.fields.length - 1));
  }

  nextSort(): void {
    this.order(nextSort(this.sort, this.feed.fields));
  }

  reverseSort(): void {
    if (this.sort) this.order({ ...this.sort, isDescending: !this.sort.isDescending });
  }

  private order(sort: Sort | undefined): void {
    this.sort = sort;
    this.sorted = undefined;
    this.offset = 0;
  }

  filter(text: string): void {
    const { feed, frozen } = this;
    feed.setFilter(text === '' ? undefined : (fields) => rowFilter(text, fields));
    this.filterText = text;
    this.anchor = undefined;
    this.offset = 0;
    this.sorted = undefined;
    if (!frozen) return;
    const test = text === '' ? () => true : rowFilter(text, feed.fields);
    this.frozen = { all: frozen.all, shown: frozen.all.filter(({ values }) => test(values)) };
  }

  freeze(frozen: boolean): void {
    this.feed.absorb(FREEZE_MS);
    this.frozen = frozen ? { all: this.feed.everything(), shown: this.feed.rows.toArray() } : undefined;
    this.takenWhenFrozen = this.feed.taken;
    this.sorted = undefined;
  }

  describe(): string {
    const { feed, sort } = this;
    const parts = [];
    if (this.frozen) parts.push(`${grouped(feed.taken - this.takenWhenFrozen)} newer`);
    const kept = this.length;
    if (this.filterText !== '') parts.push(`/${this.filterText}: ${grouped(kept)} rows`);
    else if (kept < feed.taken) parts.push(`last ${grouped(kept)} rows`);
    if (feed.passedOver > 0) parts.push(`${grouped(feed.passedOver)} too many to look at`);
    if (!sort && this.anchor !== undefined) parts.push('G follows');
    return parts.join(', ');
  }
}

/** `12:34:56.789` */
const CLOCK_WIDTH = 12;

/** Local time of day. */
function clock(timestamp: bigint): string {
  const date = new Date(Number(timestamp / 1_000_000n));
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
