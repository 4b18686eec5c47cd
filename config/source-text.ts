import type { Position } from './config.js';

/** A config's text, which knows where its lines are. Offsets and columns are in UTF-16 units. */
export class SourceText {
  readonly #lineStarts: number[] = [0];

  constructor(
    /** Shown in positions. */
    readonly file: string,
    readonly text: string,
  ) {
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
      this.#lineStarts.push(at + 1);
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }

  line(offset: number): string {
    const { line } = this.position(offset);
    return this.text.slice(this.#lineStarts[line - 1], this.#lineStarts[line] ?? this.text.length);
  }
}
