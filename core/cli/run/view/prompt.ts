import type { Key } from './keyboard.js';

const MOST = 1024;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** A line that is typed. */
export class Prompt {
  constructor(public text = '') {}

  /** `done` and `cancelled` end it. */
  press({ name, text, ctrl }: Key): 'done' | 'cancelled' | 'typing' {
    if (name === 'return' || name === 'enter') return 'done';
    if (name === 'escape') return 'cancelled';
    if (ctrl && name === 'u') this.text = '';
    else if (name === 'backspace')
      this.text = [...graphemes.segment(this.text)]
        .slice(0, -1)
        .map(({ segment }) => segment)
        .join('');
    // Not what other keys send, nor anything that would steer the terminal.
    else if (!ctrl && /^[^\p{Cc}\p{Cf}\p{Cs}]+$/u.test(text)) this.text = (this.text + text).slice(0, MOST);
    return 'typing';
  }
}
