import { isatty } from 'node:tty';

export interface Environment {
  readonly [name: string]: string | undefined;
}

/** Whether to colour (no-color.org, force-color.org): the option, then NO_COLOR, FORCE_COLOR, TERM, the terminal. */
export function wantsColor(
  option: 'auto' | 'always' | 'never',
  env: Environment = process.env,
  terminal: boolean = isatty(1),
): boolean {
  if (option !== 'auto') return option === 'always';
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return terminal && env.TERM !== 'dumb';
}

/** Columns that a line may have: the terminal's, else COLUMNS, else no limit. Asked again for each batch: windows change. */
export function lineWidth(env: Environment = process.env, terminal: boolean = isatty(1)): number {
  const columns = terminal ? process.stdout.columns : undefined;
  if (columns) return columns;
  return /^[1-9]\d{0,4}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : Number.POSITIVE_INFINITY;
}

/** Lines after which a header has left the screen. */
export function screenHeight(terminal: boolean = isatty(1)): number {
  return Math.max(10, (terminal ? process.stdout.rows : undefined) || 40);
}
