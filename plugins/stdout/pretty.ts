import { createColors } from 'picocolors';
import type { EventBatch, Sink } from '../sdk/index.js';
import { type Cell, cellsOf, formatsOf } from './cells.js';
import { cut, displayWidth, pad, printable } from './display.js';
import type { StdoutOptions } from './index.js';
import { Output } from './output.js';
import { lineWidth, screenHeight, wantsColor } from './terminal.js';

/** `12:34:56.789` */
const CLOCK_WIDTH = 12;
const GAP = '  ';
/** Columns that a cell fills at most; one that is longer pushes the next ones to the right. */
const MAX_FILL = 40;
/** Events rendered in one go. */
const PART = 256;

/** What is known of one map's columns. */
interface Table {
  readonly names: string[];
  readonly widths: number[];
  /** Numbers stand to the right. */
  readonly right: boolean[];
  /** Lines written in all since its header. */
  since: number;
  stale: boolean;
}

/** Aligned columns for people. */
export function prettySink(color: StdoutOptions['color']): Sink {
  const output = new Output();
  const page = new Page(wantsColor(color));
  return {
    write: (batch, call) => output.write(batch.data, () => rendered(page.render(batch)), call),
    close: () => output.close(),
  };
}

/** The event loop turns between the parts. */
async function rendered(parts: Iterable<string>): Promise<Buffer> {
  const all: Buffer[] = [];
  for (const part of parts) {
    if (all.length > 0) await new Promise((resolve) => setImmediate(resolve));
    all.push(Buffer.from(part));
  }
  return Buffer.concat(all);
}

/**
 * Lines of events: local time, probe and map, then the fields. Each map has a header of its own: before its first
 * line, when its columns change, and when the last one has left the screen.
 */
export class Page {
  private readonly tables = new Map<string, Table>();
  private readonly colors: ReturnType<typeof createColors>;
  private sourceWidth = 0;

  constructor(
    color: boolean,
    private readonly width: () => number = lineWidth,
    private readonly height: () => number = screenHeight,
  ) {
    this.colors = createColors(color);
  }

  /** The lines of a batch, in parts of some milliseconds' work. */
  *render(batch: EventBatch): Generator<string> {
    const source = printable(`${batch.probe}/${batch.map.replace(/^print_/, '')}`);
    this.sourceWidth = Math.max(this.sourceWidth, Math.min(MAX_FILL, displayWidth(source)));
    const table = this.tableOf(batch);
    const formats = formatsOf(batch.columns);
    let part: { time: bigint; cells: Cell[] }[] = [];
    for (const row of batch.rows()) {
      part.push({ time: row.timestamp, cells: cellsOf(row.data, formats) });
      if (part.length < PART) continue;
      yield this.lines(source, table, part);
      part = [];
    }
    if (part.length > 0) yield this.lines(source, table, part);
  }

  private tableOf({ probe, map }: EventBatch): Table {
    const key = `${probe}\0${map}`;
    let table = this.tables.get(key);
    if (!table) {
      table = { names: [], widths: [], right: [], since: 0, stale: true };
      this.tables.set(key, table);
    }
    return table;
  }

  private lines(source: string, table: Table, rows: readonly { time: bigint; cells: Cell[] }[]): string {
    // Widths of all first, so that the lines stand under each other.
    for (const { cells } of rows) makeRoom(table, cells);
    const limit = this.width();
    const height = this.height();
    let text = '';
    for (const { time, cells } of rows) {
      if (table.stale || table.since >= height - 2) {
        text += `${this.colors.dim(this.header(source, table, limit))}\n`;
        table.stale = false;
        table.since = 0;
        this.count(1);
      }
      text += `${this.line(source, time, table, cells, limit)}\n`;
      this.count(1);
    }
    return text;
  }

  /** Lines that went by move every header. */
  private count(lines: number): void {
    for (const table of this.tables.values()) table.since += lines;
  }

  private header(source: string, { names, widths, right }: Table, limit: number): string {
    const columns = names.map((name, i) => pad(name.toUpperCase(), widths[i]!, right[i]));
    return cut(
      ['TIME'.padEnd(CLOCK_WIDTH), pad(source, this.sourceWidth), ...columns].join(GAP).trimEnd(),
      limit,
    );
  }

  private line(
    source: string,
    time: bigint,
    { widths, right }: Table,
    cells: readonly Cell[],
    limit: number,
  ): string {
    const fields = cells.map(({ text }, i) => pad(text, widths[i]!, right[i]));
    const whole = cut([clock(time), pad(source, this.sourceWidth), ...fields].join(GAP).trimEnd(), limit);
    return `${this.colors.cyan(whole.slice(0, CLOCK_WIDTH))}${whole.slice(CLOCK_WIDTH)}`;
  }
}

/** Make room for these cells; other columns than before, or wider ones, want another header. */
function makeRoom(table: Table, cells: readonly Cell[]): void {
  if (table.names.length !== cells.length || cells.some(({ name }, i) => name !== table.names[i])) {
    table.names.splice(0, table.names.length, ...cells.map(({ name }) => name));
    table.widths.splice(
      0,
      table.widths.length,
      ...cells.map(({ name, least }) => Math.max(least, displayWidth(name))),
    );
    table.right.splice(0, table.right.length, ...cells.map(({ right }) => right));
    table.stale = true;
  }
  for (const [i, { text }] of cells.entries()) {
    const width = Math.min(MAX_FILL, displayWidth(text));
    // What the last column holds moves no other.
    if (width <= table.widths[i]! || (i === cells.length - 1 && !table.right[i])) continue;
    table.widths[i] = width;
    table.stale = true;
  }
}

/** Local time of day. */
function clock(timestamp: bigint): string {
  const date = new Date(Number(timestamp / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
