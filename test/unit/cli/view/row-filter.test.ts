import { describe, expect, it } from 'vitest';
import type { Field } from '../../../../core/cli/run/view/field.js';
import { rowFilter } from '../../../../core/cli/run/view/row-filter.js';

const field = (name: string, kind: Field['kind']): Field => ({ name, kind, least: 0, text: String });
const FIELDS = [
  field('comm', 'text'),
  field('ret', 'number'),
  field('key.pid', 'number'),
  field('ok', 'bool'),
  field('state', 'enum'),
];
const ROWS = [
  ['sh', -2, 10n, true, 'RUNNING'],
  ['Bash', 0, 18_446_744_073_709_551_615n, false, 'DEAD'],
  ['a==b', 3, 12n, true, 7],
] as const;
const shown = (text: string): number[] => ROWS.flatMap((row, i) => (rowFilter(text, FIELDS)(row) ? [i] : []));

describe('what is typed after /', () => {
  it.each([
    ['sh', [0, 1]],
    ['BASH', [1]],
    ['a=', [2]],
    ['=', [2]],
    ['1844', [1]],
    ['nothing', []],
    ['ret < 0', [0]],
    ['ret >= 0 && !ok', [1]],
    ['ok', [0, 2]],
    ['comm == "sh"', [0]],
    ['comm contains "as"', [1]],
    ['comm startsWith "B" || comm endsWith "b"', [1, 2]],
    ['pid == 18446744073709551615', [1]],
    ['pid != 18446744073709551615', [0, 2]],
    ['key.pid > 1e1', [1, 2]],
    ['state == "DEAD"', [1]],
    ['state == 7', [2]],
  ])('%j', (text, wanted) => {
    expect(shown(text)).toEqual(wanted);
  });

  it.each([
    ['rte < 0', 'there is no field "rte". Did you mean "ret"?'],
    ['comm == sh', 'text needs quotes'],
    ['ret == "x"', '"ret" is compared with a number'],
    ['comm == 1', '"comm" is compared with "text"'],
    ['!ret && ok', '"ret" is no bool'],
    ['ret <', 'expected a number'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => rowFilter(text, FIELDS)).toThrow(message);
  });

  it('is text where it is no expression', () => {
    for (const text of ['(', '"', 'a b', '&&', '\\', 'x < 1 <', '!'])
      expect(() => rowFilter(text, FIELDS), text).not.toThrow();
  });
});
