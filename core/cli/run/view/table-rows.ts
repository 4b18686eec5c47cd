import type { Field, Value } from './field.js';
import { bySort, nextSort, type Sort } from './grid.js';
import { grouped } from './numbers.js';
import { type RowTest, rowFilter } from './row-filter.js';

export interface TableRow {
  readonly values: readonly Value[];
}

/** Rows that are replaced as a whole with each reading: filtered, ordered, scrolled, held. */
export class TableRows<T extends TableRow> {
  fields: readonly Field[] = [];
  sort: Sort | undefined;
  private latest: readonly T[] = [];
  private held: readonly T[] | undefined;
  private made: readonly T[] | undefined;
  private filterText = '';
  private test: RowTest | undefined;

  replace(fields: readonly Field[], rows: readonly T[]): void {
    const isChanged =
      fields.length !== this.fields.length ||
      fields.some(({ name, kind }, i) => name !== this.fields[i]?.name || kind !== this.fields[i]?.kind);
    this.latest = rows;
    if (!this.held) this.made = undefined;
    if (!isChanged) return;
    this.fields = fields;
    try {
      this.filter(this.filterText);
    } catch {
      // A field is no number any more, or is gone.
      this.filter('');
    }
  }

  get isFrozen(): boolean {
    return this.held !== undefined;
  }

  get all(): number {
    return (this.held ?? this.latest).length;
  }

  get rows(): readonly T[] {
    const { test, sort } = this;
    if (this.made) return this.made;
    let rows = this.held ?? this.latest;
    if (test) rows = rows.filter(({ values }) => test(values));
    if (sort) rows = [...rows].sort(bySort<T>(sort));
    this.made = rows;
    return rows;
  }

  nextSort(): void {
    this.sort = nextSort(this.sort, this.fields);
    this.made = undefined;
  }

  reverseSort(): void {
    if (this.sort) this.sort = { ...this.sort, isDescending: !this.sort.isDescending };
    this.made = undefined;
  }

  filter(text: string): void {
    this.test = text === '' || this.fields.length === 0 ? undefined : rowFilter(text, this.fields);
    this.filterText = text;
    this.made = undefined;
  }

  freeze(frozen: boolean): void {
    this.held = frozen ? this.latest : undefined;
    this.made = undefined;
  }

  describe(): string {
    if (this.filterText === '') return '';
    return `/${this.filterText}: ${grouped(this.rows.length)} of ${grouped(this.all)}`;
  }
}
