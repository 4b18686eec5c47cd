import type { Field, Value } from './field.js';
import { compareValues } from './field.js';
import { Line, type Palette, type Style } from './line.js';
import type { Area } from './pane.js';
import { displayWidth } from './text.js';

const GAP = 2;
/** Columns that a cell fills at most, but in the last field. */
const MAX_FILL = 40;

export interface Sort {
  /** Index of the field. */
  readonly field: number;
  readonly isDescending: boolean;
}

/** The next field's turn: numbers begin with the largest. Undefined after the last. */
export function nextSort(sort: Sort | undefined, fields: readonly Field[]): Sort | undefined {
  const field = sort ? sort.field + 1 : 0;
  const next = fields[field];
  return next && { field, isDescending: next.kind === 'number' };
}

export function bySort<T extends { readonly values: readonly Value[] }>({ field, isDescending }: Sort) {
  const sign = isDescending ? -1 : 1;
  return (a: T, b: T): number => sign * compareValues(a.values[field] ?? '', b.values[field] ?? '');
}

/** A lead column, and cells. */
export interface GridRow {
  /** Text in front of the fields, of one width. */
  readonly lead?: string;
  readonly values: readonly Value[];
}

/** Draws rows under a header. Widths only grow, so that columns do not dance. */
export class Grid {
  private widths: number[] = [];
  /** The last drawing left out fields, or the end of one. */
  isCut = false;

  reset(): void {
    this.widths = [];
  }

  /** `shift`: fields left out on the left. */
  draw(
    fields: readonly Field[],
    rows: readonly GridRow[],
    options: { readonly lead?: string; readonly sort?: Sort | undefined; readonly shift: number },
    area: Area,
    colors: Palette,
  ): string[] {
    const names = fields.map(({ name }, i) => headerOf(name, i, options.sort));
    const texts = rows.map(({ values }) => fields.map((field, i) => field.text(values[i] ?? '')));
    this.makeRoom(fields, names, texts);
    this.isCut = options.shift > 0;
    const line = (lead: string | undefined, cells: readonly string[], styles: readonly [Style, Style]) => {
      const made = new Line(area.width, colors);
      if (lead !== undefined) made.add(lead, styles[0]).to(displayWidth(lead) + GAP);
      let from = made.column;
      for (let i = options.shift; i < fields.length && from < area.width; i++) {
        const text = cells[i] ?? '';
        const width = this.widths[i] ?? 0;
        this.isCut ||= from + displayWidth(text) > area.width;
        const style = options.sort?.field === i && styles[1] !== 'plain' ? 'accent' : styles[1];
        // Numbers that are cut would be other numbers: one without room is told by `…` alone.
        if (fields[i]?.kind === 'number') {
          if (from + width <= area.width) made.endAt(from + width, text, style);
          else {
            made.add('…', style);
            this.isCut = true;
          }
        } else made.add(text, style);
        from = Math.max(from + width, made.column) + GAP;
        if (i < fields.length - 1) {
          made.to(from);
          this.isCut ||= from >= area.width;
        }
      }
      return made.toString();
    };
    return [
      line(options.lead, names, ['bold', 'bold']),
      ...rows.slice(0, area.height - 1).map(({ lead }, i) => line(lead, texts[i] ?? [], ['accent', 'plain'])),
    ].slice(0, area.height);
  }

  private makeRoom(fields: readonly Field[], names: readonly string[], rows: readonly string[][]): void {
    for (const [i, { least, name }] of fields.entries()) {
      // One more for the arrow of the order.
      let width = Math.max(
        this.widths[i] ?? 0,
        least,
        displayWidth(names[i] ?? name),
        displayWidth(name) + 1,
      );
      for (const cells of rows) width = Math.max(width, Math.min(MAX_FILL, displayWidth(cells[i] ?? '')));
      this.widths[i] = width;
    }
  }
}

function headerOf(name: string, index: number, sort: Sort | undefined): string {
  const arrow = sort?.field !== index ? '' : sort.isDescending ? '▼' : '▲';
  return name.toUpperCase() + arrow;
}
