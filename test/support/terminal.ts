import { execFileSync, spawnSync } from 'node:child_process';

/** A terminal that tests can type into and look at: tmux, on a server of its own. */
export class TestTerminal {
  private static opened = 0;
  // A new one each: the last server may be on its way out still.
  private readonly socket = `bee-test-${process.pid}-${TestTerminal.opened++}`;

  private constructor() {}

  static open(
    command: string,
    size: { readonly width: number; readonly height: number } = { width: 80, height: 24 },
  ): TestTerminal {
    const terminal = new TestTerminal();
    const [x, y] = [String(size.width), String(size.height)];
    // Remains after the command's end, so that what it left behind can be looked at.
    terminal.tmux('-f', '/dev/null', '-u', 'new-session', '-d', '-x', x, '-y', y, 'bash', '--norc', '-i');
    terminal.tmux('set-option', '-g', 'window-size', 'manual');
    terminal.type(` ${command}`);
    terminal.press('Enter');
    return terminal;
  }

  private tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.socket, ...args], { encoding: 'utf8' });
  }

  /** Keys by tmux's names: `C-n`, `PageUp`, `Escape`. */
  press(...keys: string[]): void {
    this.tmux('send-keys', ...keys);
  }

  type(text: string): void {
    this.tmux('send-keys', '-l', text);
  }

  resize(width: number, height: number): void {
    this.tmux('resize-window', '-x', String(width), '-y', String(height));
  }

  /** Lines on the screen, without trailing spaces. */
  get lines(): string[] {
    return this.tmux('capture-pane', '-p').split('\n').slice(0, -1);
  }

  get text(): string {
    return this.lines.join('\n');
  }

  /** The same with escape sequences for colours. */
  get colored(): string {
    return this.tmux('capture-pane', '-p', '-e');
  }

  /** What the terminal is set to: `cursor_flag`, `alternate_on`, `pane_title`. */
  state(name: string): string {
    return this.tmux('display-message', '-p', `#{${name}}`).trim();
  }

  /** Process of the shell in it. */
  get shell(): number {
    return Number(this.state('pane_pid'));
  }

  async until(condition: (terminal: this) => boolean, ms = 30_000): Promise<void> {
    const end = Date.now() + ms;
    while (!condition(this)) {
      if (Date.now() > end) throw new Error(`the terminal shows:\n${this.text}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Wait for text on the screen. */
  async sees(wanted: string | RegExp): Promise<void> {
    await this.until(({ text }) => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)));
  }

  close(): void {
    spawnSync('tmux', ['-L', this.socket, 'kill-server']);
  }
}
