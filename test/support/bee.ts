import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled `bee`. */
export const BEE = fileURLToPath(new URL('../../dist/bin/bee.js', import.meta.url));

export interface BeeResult {
  /** Null where a signal ended it, which is said at the end of `stderr`. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BeeOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Run `bee` to its end, as a script would: without a terminal. */
export function bee(args: readonly string[], options: BeeOptions = {}): Promise<BeeResult> {
  // The test may have been started by npx, which tells of it by this variable.
  const env = { ...process.env, NO_COLOR: '1', npm_command: undefined, ...options.env };
  const child = spawn(process.execPath, [BEE, ...args], {
    cwd: options.cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code, stdout, stderr: signal === null ? stderr : `${stderr}(ended by ${signal})\n` }),
    );
  });
}

/** Run `bee` and expect it to succeed; returns its standard output. */
export async function beeOk(args: readonly string[], options: BeeOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await bee(args, options);
  if (code !== 0) throw new Error(`bee ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout;
}

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}

/** Run a program to its end; throws with what it said when it fails. */
export function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stderr}`);
  return stdout;
}
