import { constants, openSync } from 'node:fs';
import { emitKeypressEvents } from 'node:readline';
import { ReadStream } from 'node:tty';

export interface Key {
  /** `up`, `pagedown`, `return`, or the character. */
  readonly name: string;
  /** What it writes, where it writes something. */
  readonly text: string;
  readonly ctrl: boolean;
  readonly shift: boolean;
}

type KeypressListener = (text: string | undefined, key: Partial<Key> & { sequence?: string }) => void;

/**
 * Keys as they are pressed: from standard input where it is a terminal, else from the terminal that controls the
 * process (`bee run x < list`). Without either there are none. `close` gives the terminal its own mode back.
 */
export class Keyboard {
  private constructor(
    private readonly stream: ReadStream,
    private readonly isOwn: boolean,
    private readonly listener: KeypressListener,
  ) {}

  static open(
    stdin: (NodeJS.ReadableStream & { readonly isTTY?: boolean }) | undefined,
    onKey: (key: Key) => void,
  ): Keyboard | undefined {
    const isOwn = stdin?.isTTY !== true;
    const stream = isOwn ? controllingTerminal() : (stdin as ReadStream);
    if (!stream) return undefined;
    const listener: KeypressListener = (text, key) => {
      for (const one of keysOf(text, key)) onKey(one);
    };
    emitKeypressEvents(stream);
    stream.on('keypress', listener);
    // The terminal went away: its end is noticed where it is written to.
    stream.on('error', () => {});
    const keyboard = new Keyboard(stream, isOwn, listener);
    keyboard.listen();
    return keyboard;
  }

  /** Take the terminal's keys one by one; again, after the process was stopped. */
  listen(): void {
    this.stream.setRawMode(true);
    this.stream.resume();
  }

  rest(): void {
    this.stream.setRawMode(false);
    this.stream.pause();
  }

  close(): void {
    this.stream.off('keypress', this.listener);
    this.rest();
    if (this.isOwn) this.stream.destroy();
  }
}

function controllingTerminal(): ReadStream | undefined {
  try {
    return new ReadStream(openSync('/dev/tty', constants.O_RDONLY | constants.O_NOCTTY));
  } catch {
    return undefined;
  }
}

const NAMED: Readonly<Record<string, string>> = {
  '\r': 'return',
  '\n': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\x7f': 'backspace',
};

/** Escape and a key soon after it reach a program like the two together with Alt: here they are two keys. */
function keysOf(text: string | undefined, key: Partial<Key> & { readonly sequence?: string }): Key[] {
  const { sequence = '' } = key;
  const second = /^\u001b([^\u001b])$/u.exec(sequence)?.[1];
  if (second === undefined)
    return [
      { name: key.name ?? text ?? '', text: text ?? '', ctrl: key.ctrl ?? false, shift: key.shift ?? false },
    ];
  const first = { name: 'escape', text: '', ctrl: false, shift: false };
  const named = NAMED[second];
  const code = second.charCodeAt(0);
  if (named !== undefined) return [first, { name: named, text: '', ctrl: false, shift: false }];
  if (code <= 26)
    return [first, { name: String.fromCharCode(code + 96), text: '', ctrl: true, shift: false }];
  return [first, { name: second, text: second, ctrl: false, shift: false }];
}
