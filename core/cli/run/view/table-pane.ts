import type { ShownFilter } from '../map-flags.js';
import type { Palette } from './line.js';
import { grouped } from './numbers.js';
import type { Area, Pane } from './pane.js';
import { SeriesRates } from './series-rates.js';
import { type TableRow, TableRows } from './table-rows.js';

/** A map's series as rows that each reading replaces. How they are drawn is the heir's. */
export abstract class TablePane<T extends TableRow> implements Pane {
  page = 1;
  protected readonly table = new TableRows<T>();
  protected readonly rates = new SeriesRates();
  /** First row or line shown, of all. */
  protected top = 0;
  /** A reading came that was not drawn yet. */
  protected isNew = false;

  constructor(
    readonly map: string,
    protected readonly flags: readonly ShownFilter[],
  ) {}

  get note(): string {
    return grouped(this.table.all);
  }

  abstract draw(area: Area, colors: Palette): string[];

  /** `top`, where there is something to show. */
  protected abstract clamp(top: number): number;

  absorb(): boolean {
    const { isNew } = this;
    this.isNew = false;
    return isNew && !this.table.isFrozen;
  }

  scroll(lines: number): void {
    this.top = this.clamp(this.top + lines);
  }

  toStart(): void {
    this.top = 0;
  }

  toEnd(): void {
    this.top = this.clamp(Number.MAX_SAFE_INTEGER);
  }

  get isCut(): boolean {
    return false;
  }

  shift(_columns: number): void {}

  nextSort(): void {
    this.table.nextSort();
  }

  reverseSort(): void {
    this.table.reverseSort();
  }

  filter(text: string): void {
    this.table.filter(text);
  }

  freeze(frozen: boolean): void {
    this.table.freeze(frozen);
  }

  describe(): string {
    return this.table.describe();
  }
}
