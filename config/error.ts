import type { ConfigPath, LoadedConfig, Position } from './config.js';
import { shortText } from './short-text.js';

/** What is wrong at one place of a config. */
export type ProblemCode =
  /** The text: not UTF-8, control characters, more than {@link MAX_BYTES}, no YAML. */
  | 'encoding'
  | 'control_character'
  | 'too_large'
  | 'syntax'
  /** YAML that is refused: several documents, tags, bad aliases, keys that are no text, deep nesting. */
  | 'multiple_documents'
  | 'tag'
  | 'alias'
  | 'bad_key'
  | 'too_deep'
  | 'duplicate_key'
  | 'empty'
  /** Expansion. */
  | 'missing_variable'
  | 'bad_expansion'
  /** The schema. */
  | 'unknown_key'
  | 'missing'
  | 'wrong_type'
  | 'bad_value'
  /** What keys say together. */
  | 'conflict'
  | 'duplicate_name'
  | 'unknown_sink';

export interface ConfigProblem {
  readonly code: ProblemCode;
  readonly position: Position;
  /** Keys from the root, where the problem belongs to a key. */
  readonly path: ConfigPath;
  /** What was found, what was expected, what to do. Shows text as written, never what a variable holds. */
  readonly message: string;
}

export type ConfigErrorCode =
  /** No file at the path, or in the places that are searched. */
  | 'not_found'
  /** It is there and cannot be read, or is no regular file. */
  | 'unreadable'
  /** Running as root, and somebody else can write it. */
  | 'untrusted'
  /** Read, and wrong: see `problems`. */
  | 'invalid';

/** A config that cannot be used. `message` is complete, a line a problem: `file:line:column: …`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** What is right in a file that is not, for finding out what else is wrong. Not to be run. */
  readonly rest: LoadedConfig | undefined;

  constructor(
    readonly code: ConfigErrorCode,
    message: string,
    /** In the order of the file; every one that was found. Empty unless `invalid`. */
    readonly problems: readonly ConfigProblem[] = [],
    options?: { readonly cause?: unknown; readonly rest?: LoadedConfig | undefined },
  ) {
    super(message, options);
    this.rest = options?.rest;
  }

  static of(problems: readonly ConfigProblem[], rest?: LoadedConfig): ConfigError {
    const sorted = [...problems].sort(
      (a, b) => a.position.line - b.position.line || a.position.column - b.position.column,
    );
    return new ConfigError('invalid', render(sorted), sorted, { rest });
  }
}

/** More lines than this are no help to anybody. */
const SHOWN = 50;

function render(problems: readonly ConfigProblem[]): string {
  const lines = problems
    .slice(0, SHOWN)
    .map(({ position, message }) => `${renderPosition(position)}: ${message}`);
  if (problems.length > SHOWN) lines.push(`… and ${problems.length - SHOWN} more problems`);
  return lines.join('\n');
}

export function renderPosition({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** `probes[0].maps.print_events.filter`; empty for the root. */
export function renderPath(path: ConfigPath): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[\w-]{1,100}$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${JSON.stringify(shortText(key))}]`;
  }
  return text;
}
