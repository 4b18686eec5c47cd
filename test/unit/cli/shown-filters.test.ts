import { expect, it } from 'vitest';
import { shownFilters } from '../../../core/cli/run/map-flags.js';

const shows = async (expression: string, text: string): Promise<boolean | undefined> => {
  const filters = await shownFilters([`print_events,comm,${expression}`]);
  return filters.get('print_events')?.every(({ pattern }) => pattern.test(text));
};

it.each([
  ['^curl$', 'curl', 'curl2'],
  ['(?i)curl', 'libCURL', 'wget'],
  ['\\Acurl\\z', 'curl', 'a\ncurl'],
  ['(?P<tool>curl|wget) (?P<rest>.*)', 'wget x', 'wget'],
  ['my\\-tool\\_\\@', 'my-tool_@', 'my tool'],
  ['^\\Qa.b*\\E$', 'a.b*', 'aabb'],
  ['(?m)^b$', 'a\nb', 'ab'],
  ['(?s)a.b', 'a\nb', 'a  b'],
  ['a.b', 'a b', 'a\nb'],
  ['[[:digit:]]{2,3}', 'x42', 'x4'],
  ['\\pL+é', 'caffé', '12é'],
  ['^a{1,3}$', 'aaa', 'aaaa'],
])("takes Go's %s, as BumbleBee does", async (expression, matching, other) => {
  expect(await shows(expression, matching)).toBe(true);
  expect(await shows(expression, other)).toBe(false);
});

it.each([
  ['(', 'missing closing ): `(`'],
  ['a(?=b)', '`(?=`'],
  ['(a)\\1', 'invalid escape sequence: `\\1`'],
  ['[z-a]', 'invalid character class range: `z-a`'],
  ['a{2000}', 'invalid repeat count: `{2000}`'],
])('says what is wrong with %s, and where', async (expression, why) => {
  await expect(shows(expression, '')).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(/^--filter "print_events,comm,/),
    hint: expect.stringContaining('RE2'),
  });
  await expect(shows(expression, '')).rejects.toThrow(why);
});

// A backtracking engine takes 2^50 steps for it: the test would never end.
it('takes a time that grows with the text only', async () => {
  expect(await shows('^(a+)+$', `${'a'.repeat(50)}!`)).toBe(false);
});
