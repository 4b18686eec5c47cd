import type { Host } from '../../core/cli/context.js';
import { runBee } from '../../core/cli/program.js';
import type { BeeOptions, BeeResult } from './bee.js';

/** `bee` in this process, from its sources: for commands that need no kernel, as `bee()` does it, and sooner. */
export async function beeHere(args: readonly string[], options: BeeOptions = {}): Promise<BeeResult> {
  const said = { stdout: '', stderr: '' };
  const into = (stream: 'stdout' | 'stderr') => ({
    write: (text: string | Uint8Array) => {
      said[stream] += Buffer.from(text).toString();
      return true;
    },
  });
  const host: Host = {
    stdout: into('stdout'),
    stderr: into('stderr'),
    env: { PATH: process.env.PATH, NO_COLOR: '1', ...options.env },
    cwd: options.cwd ?? process.cwd(),
    signal: new AbortController().signal,
  };
  return { code: await runBee(args, host), ...said };
}

/** The same, expected to succeed; returns its standard output without the last line's end. */
export async function beeHereOk(args: readonly string[], options: BeeOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await beeHere(args, options);
  if (code !== 0) throw new Error(`bee ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout.trimEnd();
}
