import type { HistogramValue, MetricFamily } from '../../../../plugins/sdk/index.js';
import type { Field, Value } from './field.js';
import { barCount, bars, barText } from './histogram-bars.js';
import { Line, type Palette } from './line.js';
import { grouped, rateText, valueText } from './numbers.js';
import type { Area } from './pane.js';
import { isShown, labelFields, ownLabels } from './series-labels.js';
import { TablePane } from './table-pane.js';
import { displayWidth } from './text.js';

interface Row {
  /** Labels, then count, rate and mean. */
  readonly values: readonly Value[];
  readonly histogram: HistogramValue;
}

/** Columns of the bars at most: longer ones say no more. */
const MOST_BAR = 100;
/** What a histogram takes beside its bars: the title and an empty line. */
const AROUND = 2;

/** Histograms below each other, one a set of labels. */
export class HistogramPane extends TablePane<Row> {
  private unit: string | undefined;

  /** A reading of the map's family. `time`: Unix ns. */
  take([family]: readonly MetricFamily[], time: bigint): void {
    if (!family) return;
    this.rates.begin(time);
    this.unit = family.unit;
    const found: { labels: string[]; histogram: HistogramValue; numbers: number[] }[] = [];
    for (const series of family.series) {
      const origin = series.origin ?? family.origin;
      const { histogram } = series;
      if (!origin || !histogram || !isShown(series, this.flags)) continue;
      const { count, sum } = histogram;
      const rate = this.rates.next(series.labelText, count, 'histogram');
      const mean = sum === undefined || count === 0 ? Number.NaN : Number(sum) / count;
      found.push({ labels: ownLabels(series, origin), histogram, numbers: [count, rate, mean] });
    }
    const labels = family.origin
      ? labelFields(
          family.origin,
          found.map((row) => row.labels),
        )
      : [];
    this.table.replace(
      [...labels, ...summaryFields(family.unit)],
      found.map(({ labels: texts, histogram, numbers }) => ({
        histogram,
        values: [...texts.map((text, i) => (labels[i]?.kind === 'number' ? Number(text) : text)), ...numbers],
      })),
    );
    this.isNew = true;
  }

  override draw(area: Area, colors: Palette): string[] {
    this.page = Math.max(1, area.height);
    this.top = this.clamp(this.top);
    const lines: string[] = [];
    let at = 0;
    for (const row of this.table.rows) {
      const height = heightOf(row);
      if (at + height > this.top) {
        // Only what is in view is rendered.
        const block = this.block(row, area.width, colors);
        lines.push(...block.slice(Math.max(0, this.top - at)));
        if (lines.length >= area.height) break;
      }
      at += height;
    }
    return lines.slice(0, area.height);
  }

  private block({ values, histogram }: Row, width: number, colors: Palette): string[] {
    const { fields, sort } = this.table;
    const title = new Line(width, colors);
    for (const [i, { name, text }] of fields.entries()) {
      const shown = text(values[i] ?? '');
      if (shown === '') continue;
      title
        .add(`${name}=`, 'dim')
        .add(shown, sort?.field === i ? 'accent' : 'bold')
        .add('  ');
    }
    const drawn = bars(histogram, this.unit);
    const labelWidth = Math.max(...drawn.map(({ label }) => displayWidth(label)));
    const countWidth = Math.max(...drawn.map(({ count }) => grouped(count).length));
    const room = Math.min(MOST_BAR, width - labelWidth - countWidth - 3);
    return [
      title.toString(),
      ...drawn.map(({ label, count, share }) => {
        const line = new Line(width, colors).endAt(labelWidth + 1, label, 'accent').to(labelWidth + 2);
        line.add(barText(share, room), 'good').to(line.column + (count > 0 && room > 0 ? 1 : 0));
        return line.add(grouped(count), count > 0 ? 'plain' : 'dim').toString();
      }),
      '',
    ];
  }

  protected override clamp(top: number): number {
    const lines = this.table.rows.reduce((sum, row) => sum + heightOf(row), 0);
    // The last histogram needs no empty line after it.
    return Math.max(0, Math.min(top, lines - 1 - this.page));
  }

  override describe(): string {
    const { sort, fields } = this.table;
    const order = sort && `by ${fields[sort.field]?.name} ${sort.isDescending ? '▼' : '▲'}`;
    return [this.table.describe(), order].filter(Boolean).join(', ');
  }
}

const heightOf = ({ histogram }: Row): number => barCount(histogram) + AROUND;

function summaryFields(unit: string | undefined): Field[] {
  const number = (name: string, show: (value: number) => string): Field => ({
    name,
    kind: 'number',
    least: 0,
    text: (value) => (Number.isNaN(value) ? '' : show(Number(value))),
  });
  return [
    number('count', grouped),
    number('/s', rateText),
    number('mean', (value) => valueText(value, unit)),
  ];
}
