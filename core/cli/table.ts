import { stripVTControlCharacters } from 'node:util';

/** Columns of a terminal that a text takes. */
export type WidthOf = (text: string) => number;

/**
 * Widths for a table of `text`. What knows every script is loaded only where some of it is not plain: it would be a
 * third of the start of `bee list`.
 */
export async function widthsFor(text: string): Promise<WidthOf> {
  if (/^[\x00-\x7f]*$/.test(text)) return (plain) => plain.length;
  return (await import('./run/view/text.js')).displayWidth;
}

/** Columns padded to their widest cell, two spaces between them; the last one is not padded. */
export function formatTable(rows: readonly (readonly string[])[], widthOf: WidthOf): string[] {
  const width = (cell: string): number => widthOf(stripVTControlCharacters(cell));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, n) => {
      widths[n] = Math.max(widths[n] ?? 0, width(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, n) => (n === row.length - 1 ? cell : cell + ' '.repeat((widths[n] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd(),
  );
}

/** `5.3 KB`, in units of 1000. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** Controls, line and paragraph separators, and what changes the direction of writing. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Text of unknown origin on one line of a terminal, where nothing in it acts: as the stdout sink shows it, which a
 * test holds it to. Not imported from there: with the sink's schema it would be a quarter of the start of `bee list`.
 */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNSAFE, (char) => {
    const code = char.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}
