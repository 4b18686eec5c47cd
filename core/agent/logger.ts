/** Log lines go to stderr: a short form on a terminal, logfmt in a pipe or a journal. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export const LOG_LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

export interface Logger {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  /** The same log, each line naming `scope` (`probe=execsnoop`). */
  child(scope: string): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly terminal: boolean;
  readonly color: boolean;
  readonly write: (line: string) => void;
  readonly now?: () => Date;
}

export function createLogger(options: LoggerOptions, scope = ''): Logger {
  const rank = LOG_LEVELS.indexOf(options.level);
  const now = options.now ?? (() => new Date());
  const log = (level: LogLevel, message: string): void => {
    if (LOG_LEVELS.indexOf(level) > rank) return;
    options.write(
      options.terminal
        ? short(level, message, scope, options.color, now())
        : logfmt(level, message, scope, now()),
    );
  };
  return {
    error: (message) => log('error', message),
    warn: (message) => log('warn', message),
    info: (message) => log('info', message),
    debug: (message) => log('debug', message),
    child: (inner) => createLogger(options, scope ? `${scope} ${inner}` : inner),
  };
}

const COLORS: Readonly<Record<LogLevel, string>> = { error: '31', warn: '33', info: '36', debug: '90' };

function short(level: LogLevel, message: string, scope: string, color: boolean, time: Date): string {
  const clock = time.toTimeString().slice(0, 8);
  const tag = level.toUpperCase().padEnd(5);
  const shown = color ? `\u001b[${COLORS[level]}m${tag}\u001b[0m` : tag;
  const where = scope ? `[${scope.replace(/\w+=/g, '')}] ` : '';
  return `${clock} ${shown} ${where}${printable(message, true)}\n`;
}

function logfmt(level: LogLevel, message: string, scope: string, time: Date): string {
  return `time=${time.toISOString()} level=${level} ${scope ? `${scope} ` : ''}msg=${JSON.stringify(printable(message, true))}\n`;
}

/** Text from outside must not steer a terminal. */
function printable(text: string, newlines: boolean): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => {
    if (char === '\t' || (newlines && char === '\n')) return char;
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
