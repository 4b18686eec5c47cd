/** Lines a second that a sink may log; the rest is counted, not shown. */
const LINES = 50;
const LONGEST = 2_000;

/** Keeps a sink that logs in a loop from drowning the agent's log, and its main thread. */
export class LineLimit {
  private second = 0;
  private shown = 0;
  private left = 0;

  /** What to log of this line: itself, nothing, or what was left out before it and itself. */
  admit(line: string): string[] {
    const now = Math.floor(performance.now() / 1000);
    const lines: string[] = [];
    if (now !== this.second) {
      if (this.left > 0) lines.push(`${this.left} more lines were left out: at most ${LINES} a second`);
      this.second = now;
      this.shown = 0;
      this.left = 0;
    }
    if (this.shown >= LINES) {
      this.left++;
      return lines;
    }
    this.shown++;
    lines.push(line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line);
    return lines;
  }
}
