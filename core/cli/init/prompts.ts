import type { Readable, Writable } from 'node:stream';
import { cancel, intro, select, text } from '@clack/prompts';
import { CliError } from '../errors.js';

export interface PromptStreams {
  readonly input: Readable;
  readonly output: Writable;
}

export interface PromptOption {
  readonly value: string;
  readonly hint: string;
}

/** Questions on a terminal. A question that is cancelled ends the command with `INTERRUPTED`. */
export class Prompts {
  private begun = false;

  constructor(
    private readonly streams: PromptStreams,
    private readonly title: string,
  ) {}

  async choose(message: string, options: readonly PromptOption[]): Promise<string> {
    this.begin();
    const answer = await select({
      ...this.streams,
      message,
      options: options.map(({ value, hint }) => ({ value, label: value, hint })),
    });
    return this.answered(answer);
  }

  async ask(message: string, placeholder: string): Promise<string> {
    this.begin();
    const answer = await text({ ...this.streams, message, placeholder, defaultValue: placeholder });
    return this.answered(answer);
  }

  private begin(): void {
    if (!this.begun) intro(this.title, this.streams);
    this.begun = true;
  }

  private answered(answer: string | symbol): string {
    if (typeof answer === 'string') return answer;
    cancel('Nothing was written.', this.streams);
    throw new CliError('INTERRUPTED', 'cancelled');
  }
}
