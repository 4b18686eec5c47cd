import { cut, displayWidth, isPlain } from './text.js';

export type Style = 'plain' | 'bold' | 'dim' | 'selected' | 'accent' | 'good' | 'warning' | 'bad';

/** SGR sequences around text of a style; empty without colours. */
export type Palette = Readonly<Record<Style, readonly [begin: string, end: string]>>;

const sgr = (begin: number, end: number): readonly [string, string] => [`\u001b[${begin}m`, `\u001b[${end}m`];
const NONE: readonly [string, string] = ['', ''];

export function palette(colored: boolean): Palette {
  const style = (begin: number, end: number): readonly [string, string] => (colored ? sgr(begin, end) : NONE);
  return {
    plain: NONE,
    bold: style(1, 22),
    dim: style(2, 22),
    selected: style(7, 27),
    accent: style(36, 39),
    good: style(32, 39),
    warning: style(33, 39),
    bad: style(31, 39),
  };
}

/**
 * One line of the screen, never wider than `width`. Text that is given must hold no control characters.
 *
 * Terminals disagree on the width of emoji and of much else, so after text that is not plain ASCII the cursor is moved
 * to where the next text belongs: columns stay aligned whatever the terminal thinks.
 */
export class Line {
  private out = '';
  private isSure = true;
  column = 0;

  constructor(
    readonly width: number,
    private readonly colors: Palette,
  ) {}

  add(text: string, style: Style = 'plain'): this {
    if (text === '' || this.column >= this.width) return this;
    const shown = cut(text, this.width - this.column);
    const [begin, end] = this.colors[style];
    this.out += begin + shown + end;
    this.column += displayWidth(shown);
    if (!isPlain(shown)) this.isSure = false;
    return this;
  }

  /** Go on at `column`, from 0; text that is beyond it already stays. */
  to(column: number): this {
    const target = Math.min(column, this.width);
    if (target > this.column) this.out += ' '.repeat(target - this.column);
    this.column = Math.max(this.column, target);
    if (!this.isSure && this.column < this.width) {
      this.out += `\u001b[${this.column + 1}G`;
      this.isSure = true;
    }
    return this;
  }

  /** Text that ends at `column`; where there is no room for it, it begins at once. */
  endAt(column: number, text: string, style: Style = 'plain'): this {
    return this.to(column - displayWidth(text)).add(text, style);
  }

  toString(): string {
    return this.out;
  }
}
