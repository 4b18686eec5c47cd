import { expect, it } from 'vitest';
import { formatTable, printable, widthsFor } from '../../../core/cli/table.js';
import { printable as bySink } from '../../../plugins/stdout/index.js';

it('text is made safe as the stdout sink does', () => {
  const all = String.fromCharCode(...Array.from({ length: 0x10000 }, (_, code) => code));
  expect(printable(all)).toBe(bySink(all));
  expect(printable('a\u001b[2J\u200f漢')).toBe('a\\x1b[2J\\u200f漢');
});

it('a table stands in columns, whatever the width of its characters', async () => {
  const widthOf = await widthsFor('漢字');
  expect(
    formatTable(
      [
        ['漢字', 'x'],
        ['\u001b[1mabc\u001b[22m', 'y'],
        ['e\u0301', 'z'],
      ],
      widthOf,
    ),
  ).toEqual(['漢字  x', '\u001b[1mabc\u001b[22m   y', 'e\u0301     z']);
});
