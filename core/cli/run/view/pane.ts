import type { Palette } from './line.js';

export interface Area {
  readonly width: number;
  readonly height: number;
}

/** What one map shows. Sizes may be as small as one column and one line. */
export interface Pane {
  readonly map: string;
  /** After its name in the tabs. */
  readonly note: string;
  /** Take in what came since, in about `budget` ms. Returns whether there is anything new to draw. */
  absorb(budget: number): boolean;
  /** At most `area.height` lines. */
  draw(area: Area, colors: Palette): string[];
  /** What is shown of what there is, for the status line. */
  describe(): string;
  /** Lines down; negative: up. */
  scroll(lines: number): void;
  /** Lines that one page has, of the last drawing. */
  readonly page: number;
  toStart(): void;
  toEnd(): void;
  /** The last drawing left out columns. */
  readonly isCut: boolean;
  /** Columns to the right; negative: to the left. */
  shift(columns: number): void;
  /** Order by the next column, and after the last by none. */
  nextSort(): void;
  reverseSort(): void;
  /** Throws RowFilterError. Empty: everything. */
  filter(text: string): void;
  /** Hold what is shown as it is; what comes is still taken in. */
  freeze(frozen: boolean): void;
}
