import { spawn } from 'node:child_process';

export interface ToolResult {
  /** Exit code; 128 + n for a signal, as shells count. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: Uint8Array;
  readonly signal?: AbortSignal;
}

/** Run a program to its end and collect what it wrote. Rejects when it cannot be started, or is aborted. */
export function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { input, ...spawnOptions } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...spawnOptions, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const stdout = Buffer.concat(out).toString();
      resolve({ code: code ?? 128 + signalNumber(signal), stdout, stderr: Buffer.concat(err).toString() });
    });
    child.stdin.on('error', () => {}); // A program that does not read its input is free not to.
    child.stdin.end(input ?? '');
  });
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

function signalNumber(signal: NodeJS.Signals | null): number {
  return SIGNALS[signal ?? ''] ?? 0;
}
