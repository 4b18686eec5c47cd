import { CommanderError } from 'commander';
import { OciError } from '../oci/index.js';
import type { Terminal } from './terminal.js';

/** 0 fine, 1 failed, 2 bad usage; 130 as shells have it for Ctrl-C. */
export type ExitCode = 0 | 1 | 2 | 130;

export type CliErrorCode = 'USAGE' | 'UNAVAILABLE' | 'MISSING_TOOL' | 'COMPILE_FAILED' | 'IO' | 'INTERRUPTED';

/** What a user is told: one clear message, and where there is one, what to do about it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;
  readonly hint: string | undefined;

  constructor(code: CliErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** Show an error that ends a command, and say with which code the process exits. */
export function reportError(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // Commander has written its message.
  const message = error instanceof Error ? error.message : String(error);
  terminal.error(`${terminal.colors.red('error:')} ${message}`);
  if (error instanceof CliError && error.hint !== undefined) terminal.error(error.hint);
  if (terminal.verbose && error instanceof Error) terminal.error(error.stack ?? message);
  return exitCodeOf(error);
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof OciError && error.code === 'INVALID_REFERENCE') return 2;
  if (!(error instanceof CliError)) return 1;
  switch (error.code) {
    case 'USAGE':
    case 'UNAVAILABLE':
      return 2;
    case 'INTERRUPTED':
      return 130;
    default:
      return 1;
  }
}
