import { createColors } from 'picocolors';
import type { FieldValue, Row, Sink } from '../sdk/index.js';
import type { StdoutOptions } from './index.js';
import { writeStdout } from './output.js';

/** The header is written again after this many lines, so that it is on the screen. */
const HEADER_EVERY = 40;
const MAX_WIDTH = 40;

interface Table {
  readonly names: readonly string[];
  readonly widths: number[];
}

/** Aligned columns for people: widths grow with what is seen; a header when the map changes or has scrolled away. */
export function prettySink({ color }: StdoutOptions): Sink {
  const colors = createColors(
    color === 'always' || (color === 'auto' && process.stdout.isTTY === true && !process.env.NO_COLOR),
  );
  const tables = new Map<string, Table>();
  let shown: Table | undefined;
  let sinceHeader = 0;
  let closed = false;

  const line = (row: Row, formats: ReadonlyMap<string, string>): string => {
    const source = row.map === '' ? row.probe : `${row.probe}/${row.map.replace(/^print_/, '')}`;
    const cells = [...flatten(row.data, '')].map(
      ([name, value]) => [name, cell(value, formats.get(name))] as const,
    );
    const table = tableOf(tables, `${row.probe}\0${row.map}`, source, cells);
    let text = '';
    if (table !== shown || sinceHeader >= HEADER_EVERY) {
      shown = table;
      sinceHeader = 0;
      const header = ['TIME        ', source, ...table.names].map((name, i) =>
        i < 2 ? name : pad(name.toUpperCase(), table.widths[i - 2]!),
      );
      text += `${colors.dim(fit(header.join('  ')))}\n`;
    }
    sinceHeader++;
    const values = cells.map(([, value], i) => pad(value, table.widths[i]!));
    const rest = fit(`${clock(row.timestamp)}  ${' '.repeat(source.length)}  ${values.join('  ')}`.trimEnd());
    return `${text}${colors.cyan(rest.slice(0, 12))}${rest.slice(12)}\n`;
  };

  return {
    async write(batch, { signal }) {
      if (closed) return { status: 'closed' };
      const formats = new Map<string, string>();
      let text = '';
      for (const row of batch.rows()) text += line(row, formats);
      return writeStdout(Buffer.from(text), signal);
    },
    close() {
      closed = true;
    },
  };
}

function tableOf(
  tables: Map<string, Table>,
  key: string,
  _source: string,
  cells: readonly (readonly [string, string])[],
): Table {
  let table = tables.get(key);
  if (!table) {
    table = { names: cells.map(([name]) => name), widths: cells.map(([name]) => name.length) };
    tables.set(key, table);
  }
  cells.forEach(([, value], i) => {
    table.widths[i] = Math.min(MAX_WIDTH, Math.max(table.widths[i] ?? 0, value.length));
  });
  return table;
}

function* flatten(value: FieldValue, name: string): Generator<[string, FieldValue]> {
  if (typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value))
      yield* flatten(inner, name === '' ? key : `${name}.${key}`);
  } else yield [name || 'value', value];
}

function cell(value: FieldValue, _format: string | undefined): string {
  if (Array.isArray(value)) return `[${value.map((one) => cell(one, undefined)).join(' ')}]`;
  if (typeof value === 'object') return JSON.stringify(value);
  return printable(String(value));
}

/** What a program put into a string must not steer the terminal. */
function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function pad(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

function fit(text: string): string {
  const width = process.stdout.isTTY ? process.stdout.columns : 0;
  return width > 0 && text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

function clock(timestamp: bigint): string {
  const date = new Date(Number(timestamp / 1_000_000n));
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
