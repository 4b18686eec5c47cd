import type { Readable, Writable } from 'node:stream';
import { cancel, intro, outro, select, text } from '@clack/prompts';
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
  private ended = false;

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

  /** `problem`: what is wrong with an answer; then it is asked again. */
  async ask(
    message: string,
    placeholder: string,
    problem: (answer: string) => string | undefined = () => undefined,
  ): Promise<string> {
    this.begin();
    const validate = (answer: string | undefined) => problem(answer || placeholder);
    const answer = await text({ ...this.streams, message, placeholder, defaultValue: placeholder, validate });
    return this.answered(answer);
  }

  /** Close the frame of the questions, where there were any: with what was made, or that nothing was. */
  end(made: string | undefined): void {
    if (!this.begun || this.ended) return;
    this.ended = true;
    if (made === undefined) cancel('Nothing was written.', this.streams);
    else outro(made, this.streams);
  }

  private begin(): void {
    if (!this.begun) intro(this.title, this.streams);
    this.begun = true;
  }

  private answered(answer: string | symbol): string {
    if (typeof answer === 'string') return answer;
    this.end(undefined);
    throw new CliError('INTERRUPTED', 'cancelled');
  }
}
