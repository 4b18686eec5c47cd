import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** What a command may say, and how. Results go to stdout; everything else to stderr. */
export interface Terminal {
  /** A line of the command's result. */
  print(line: string): void;
  /** Progress, for somebody who watches: nothing when stderr is no terminal, unless `--verbose`. */
  progress(line: string): void;
  /** A short line of progress that the next line, of any kind, takes the place of: on a terminal only. */
  live(line: string): void;
  /** Always shown, on stderr. */
  error(line: string): void;
  /** Text of another program, as it came, on stderr. */
  passThrough(text: string): void;
  readonly stdoutIsTerminal: boolean;
  readonly verbose: boolean;
  /** For stderr: no colours in a pipe, with NO_COLOR, or on a dumb terminal. */
  readonly colors: Colors;
  /** For stdout. */
  readonly resultColors: Colors;
}

export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string | Uint8Array): unknown;
}

const BEGIN_LINE_ANEW = '\r\x1b[2K';

export function openTerminal(
  stdout: TerminalStream,
  stderr: TerminalStream,
  env: NodeJS.ProcessEnv,
  verbose = false,
): Terminal {
  const coloured = (stream: TerminalStream) => stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  const canReplace = stderr.isTTY === true && env.TERM !== 'dumb';
  let isReplaced = false;
  const replace = (): void => {
    if (isReplaced) stderr.write(BEGIN_LINE_ANEW);
    isReplaced = false;
  };
  const tell = (text: string): void => {
    replace();
    stderr.write(text);
  };
  return {
    print: (line) => {
      replace();
      stdout.write(`${line}\n`);
    },
    progress: (line) => {
      if (stderr.isTTY || verbose) tell(`${line}\n`);
    },
    live: (line) => {
      if (!canReplace || (line === '' && !isReplaced)) return;
      // One that wraps would leave its first part behind.
      stderr.write(`${BEGIN_LINE_ANEW}${line.slice(0, (stderr.columns ?? 80) - 1)}`);
      isReplaced = line !== '';
    },
    error: (line) => tell(`${line}\n`),
    passThrough: tell,
    stdoutIsTerminal: stdout.isTTY === true,
    verbose,
    colors: pc.createColors(coloured(stderr)),
    resultColors: pc.createColors(coloured(stdout)),
  };
}
