import type { MetricFamily } from '../../../../plugins/sdk/index.js';
import { printable } from '../../../../plugins/stdout/index.js';
import type { Field, Value } from './field.js';
import { Grid } from './grid.js';
import type { Palette } from './line.js';
import { rateText, valueText } from './numbers.js';
import type { Area } from './pane.js';
import { isShown, labelFields, ownLabels } from './series-labels.js';
import { TablePane } from './table-pane.js';
import type { TableRow } from './table-rows.js';

/** A table of counters or gauges: labels, values, and how fast they change. */
export class SeriesPane extends TablePane<TableRow> {
  private readonly grid = new Grid();
  private leftOut = 0;

  /** A reading of the map's families: one, or one a field of a struct value. `time`: Unix ns. */
  take(families: readonly MetricFamily[], time: bigint): void {
    this.rates.begin(time);
    const rows = new Map<string, { labels: string[]; values: Value[] }>();
    for (const [index, { type, name, series, origin }] of families.entries()) {
      for (const one of series) {
        const place = one.origin ?? origin;
        if (!place || !isShown(one, this.flags)) continue;
        let row = rows.get(one.labelText);
        if (!row) {
          row = {
            labels: ownLabels(one, place),
            values: new Array<Value>(2 * families.length).fill(Number.NaN),
          };
          rows.set(one.labelText, row);
        }
        const value = one.value ?? 0;
        row.values[2 * index] = value;
        row.values[2 * index + 1] = this.rates.next(`${name}\0${one.labelText}`, value, type);
      }
    }
    const made = [...rows.values()];
    const origin = families[0]?.origin;
    const labels = origin
      ? labelFields(
          origin,
          made.map((row) => row.labels),
        )
      : [];
    this.table.replace(
      [...labels, ...families.flatMap(valueFields)],
      made.map((row) => ({
        values: [
          ...row.labels.map((label, i) => (labels[i]?.kind === 'number' ? Number(label) : label)),
          ...row.values,
        ],
      })),
    );
    this.isNew = true;
  }

  override draw(area: Area, colors: Palette): string[] {
    const { table } = this;
    if (table.fields.length === 0 || table.all === 0) return [];
    this.page = Math.max(1, area.height - 1);
    this.top = this.clamp(this.top);
    const rows = table.rows.slice(this.top, this.top + this.page);
    return this.grid.draw(table.fields, rows, { sort: table.sort, shift: this.leftOut }, area, colors);
  }

  protected override clamp(top: number): number {
    return Math.max(0, Math.min(top, this.table.rows.length - this.page));
  }

  override get isCut(): boolean {
    return this.grid.isCut;
  }

  override shift(columns: number): void {
    this.leftOut = Math.max(0, Math.min(this.leftOut + columns, this.table.fields.length - 1));
  }
}

function valueFields({ origin, unit }: MetricFamily): Field[] {
  const name = printable(origin?.field ?? 'value');
  return [
    {
      name,
      kind: 'number',
      least: unit === 'seconds' ? 9 : 5,
      text: (value) =>
        Number.isNaN(value) ? '' : valueText(typeof value === 'bigint' ? value : Number(value), unit),
    },
    {
      name: origin?.field === undefined ? '/s' : `${name}/s`,
      kind: 'number',
      least: 6,
      text: (value) =>
        Number.isNaN(value)
          ? ''
          : unit === 'seconds'
            ? valueText(Number(value), unit)
            : rateText(Number(value)),
    },
  ];
}
