import { afterEach, describe, expect, it } from 'vitest';
import { Screen, type ScreenOutput } from '../../../../core/cli/run/view/screen.js';

/** What a terminal of `rows` rows shows of what was written: a row below its last is its last (xterm, tmux). */
function shownBy(rows: number, before: readonly string[], text: string): string[] {
  const shown = Array.from({ length: rows }, (_, i) => before[i] ?? '');
  let row = 0;
  for (const [, sequence = '', plain = ''] of text.matchAll(/\u001b\[([^A-Za-z]*[A-Za-z])|([^\u001b]+)/g)) {
    if (plain !== '') shown[row] += plain;
    else if (sequence === '2J') shown.fill('');
    else if (sequence === '2K') shown[row] = '';
    else if (sequence.endsWith('H')) row = Math.min(Number.parseInt(sequence, 10), rows) - 1;
  }
  return shown;
}

describe('the screen', () => {
  let screen: Screen;
  let written = '';
  const output: ScreenOutput = {
    write: async (_key, render) => {
      written += Buffer.from(await render()).toString();
      return { status: 'ok' };
    },
    close: async () => {},
  };
  const drawn = async (lines: readonly string[]): Promise<string> => {
    // What was written before is on its way no more.
    await new Promise((done) => setImmediate(done));
    written = '';
    expect(screen.draw(lines)).toBe(true);
    await new Promise((done) => setImmediate(done));
    return written;
  };
  const entered = async (lines: readonly string[]): Promise<string[]> => {
    screen = new Screen(() => output);
    screen.enter();
    return shownBy(lines.length, [], await drawn(lines));
  };
  afterEach(() => screen.leave());

  it('writes the lines that changed, and erases those that are no more', async () => {
    const before = await entered(['a', 'b', 'c']);
    expect(before).toEqual(['a', 'b', 'c']);
    const text = await drawn(['a', 'B']);
    expect(shownBy(3, before, text)).toEqual(['a', 'B', '']);
    expect(text).not.toContain('a');
  });

  it.each([3, 1])('shows every line after the terminal shrank to %d rows', async (rows) => {
    const lines = ['title', 'body', 'footer'].slice(-rows);
    const before = await entered(['title', 'a', 'b', 'c', 'footer']);
    screen.invalidate();
    expect(shownBy(rows, before.slice(0, rows), await drawn(lines))).toEqual(lines);
  });
});
