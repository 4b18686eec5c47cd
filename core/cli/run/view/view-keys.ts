import type { Key } from './keyboard.js';
import type { Pane } from './pane.js';
import { Prompt } from './prompt.js';
import { RowFilterError } from './row-filter.js';

export interface KeyActions {
  panes(): readonly Pane[];
  end(): void;
  /** Draw everything anew. */
  redraw(): void;
  /** ctrl-z. */
  stop(): void;
}

/** What the keys do, and what they have set: the map that is shown, pause, help, what is being typed. */
export class ViewKeys {
  selected = 0;
  isPaused = false;
  help: number | undefined;
  prompt: Prompt | undefined;
  /** What is wrong with what was typed. */
  problem: string | undefined;
  /** Filters as they were typed, by map. */
  private readonly typed = new Map<string, string>();

  private readonly commands: Readonly<Record<string, () => void>> = {
    q: () => this.actions.end(),
    'ctrl-n': () => this.select(this.selected + 1),
    tab: () => this.select(this.selected + 1),
    right: () => this.select(this.selected + 1),
    'ctrl-p': () => this.select(this.selected - 1),
    'shift-tab': () => this.select(this.selected - 1),
    left: () => this.select(this.selected - 1),
    up: () => this.pane?.scroll(-1),
    k: () => this.pane?.scroll(-1),
    down: () => this.pane?.scroll(1),
    j: () => this.pane?.scroll(1),
    pageup: () => this.pane?.scroll(-this.pane.page),
    pagedown: () => this.pane?.scroll(this.pane.page),
    g: () => this.pane?.toStart(),
    home: () => this.pane?.toStart(),
    G: () => this.pane?.toEnd(),
    end: () => this.pane?.toEnd(),
    '<': () => this.pane?.shift(-1),
    '>': () => this.pane?.shift(1),
    ' ': () => this.pause(),
    s: () => this.pane?.nextSort(),
    S: () => this.pane?.reverseSort(),
    '/': () => {
      this.prompt = new Prompt(this.typed.get(this.pane?.map ?? '') ?? '');
    },
    escape: () => this.filter(''),
    '?': () => {
      this.help = 0;
    },
    'ctrl-l': () => this.actions.redraw(),
    'ctrl-z': () => this.actions.stop(),
  };

  constructor(private readonly actions: KeyActions) {}

  press(key: Key): void {
    this.problem = undefined;
    if (key.ctrl && key.name === 'c') this.actions.end();
    else if (this.prompt) this.type(this.prompt, key);
    else if (this.help === undefined || !this.scrollHelp(key)) this.command(nameOf(key));
  }

  private get pane(): Pane | undefined {
    return this.actions.panes()[this.selected];
  }

  private command(name: string): void {
    const command = this.commands[name];
    if (command) command();
    else if (/^[1-9]$/.test(name) && Number(name) <= this.actions.panes().length)
      this.select(Number(name) - 1);
  }

  private select(index: number): void {
    const { length } = this.actions.panes();
    if (length > 0) this.selected = (index + length) % length;
  }

  private pause(): void {
    this.isPaused = !this.isPaused;
    for (const pane of this.actions.panes()) pane.freeze(this.isPaused);
  }

  private type(prompt: Prompt, key: Key): void {
    const state = prompt.press(key);
    if (state === 'typing') return;
    this.prompt = undefined;
    if (state === 'done') this.filter(prompt.text);
  }

  private filter(text: string): void {
    const { pane } = this;
    if (!pane) return;
    try {
      pane.filter(text);
      this.typed.set(pane.map, text);
    } catch (error) {
      if (!(error instanceof RowFilterError)) throw error;
      this.problem = error.message;
    }
  }

  /** Whether the key was the help's. */
  private scrollHelp(key: Key): boolean {
    const first = this.help ?? 0;
    switch (nameOf(key)) {
      case 'up':
      case 'k':
        this.help = Math.max(0, first - 1);
        return true;
      case 'down':
      case 'j':
        this.help = first + 1;
        return true;
      case 'escape':
      case '?':
        this.help = undefined;
        return true;
      default:
        return false;
    }
  }
}

/** `ctrl-n`, `shift-tab`, `S`, `pageup`. */
function nameOf({ name, text, ctrl, shift }: Key): string {
  if (ctrl) return `ctrl-${name}`;
  if (name === 'tab' && shift) return 'shift-tab';
  return /^[\x20-\x7e]$/.test(text) ? text : name;
}
