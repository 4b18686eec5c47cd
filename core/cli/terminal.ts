import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** What a command may say, and how. Results go to stdout; everything else to stderr. */
export interface Terminal {
  /** A line of the command's result. */
  print(line: string): void;
  /** Progress, for somebody who watches: nothing when stderr is no terminal, unless `--verbose`. */
  progress(line: string): void;
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
  write(text: string): unknown;
}

export function openTerminal(
  stdout: TerminalStream,
  stderr: TerminalStream,
  env: NodeJS.ProcessEnv,
  verbose = false,
): Terminal {
  const coloured = (stream: TerminalStream) => stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return {
    print: (line) => void stdout.write(`${line}\n`),
    progress: (line) => {
      if (stderr.isTTY || verbose) stderr.write(`${line}\n`);
    },
    error: (line) => void stderr.write(`${line}\n`),
    passThrough: (text) => void stderr.write(text),
    stdoutIsTerminal: stdout.isTTY === true,
    verbose,
    colors: pc.createColors(coloured(stderr)),
    resultColors: pc.createColors(coloured(stdout)),
  };
}
