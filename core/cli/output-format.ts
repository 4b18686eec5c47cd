import { Option } from 'commander';

export interface OutputFormat {
  readonly output: 'text' | 'json';
}

/** `--output json` of every command that a script may want to read. */
export function outputFormatOption(): Option {
  return new Option('--output <format>', 'how the result is printed')
    .choices(['text', 'json'])
    .default('text');
}
