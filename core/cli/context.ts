import type { Command } from 'commander';
import { type ImageStores, openStores } from '../oci/index.js';
import { openTerminal, type Terminal, type TerminalStream } from './terminal.js';

/** The process around a command; tests give their own. */
export interface Host {
  /** Where a command may ask or read; absent: nowhere. */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborted by Ctrl-C, SIGTERM and a terminal that is closed. */
  readonly signal: AbortSignal;
}

/** BumbleBee's general flags. Those for registries are read by the commands that speak to one. */
export interface GlobalOptions {
  readonly storage?: string;
  readonly configDir?: string;
  readonly config: readonly string[];
  readonly verbose: boolean;
}

/** What a command works with: the host, and the general flags. */
export interface Context {
  readonly host: Host;
  readonly terminal: Terminal;
  readonly options: GlobalOptions;
  stores(): ImageStores;
}

export function contextOf(command: Command, host: Host): Context {
  const options = command.optsWithGlobals<GlobalOptions>();
  return {
    host,
    options,
    terminal: openTerminal(host.stdout, host.stderr, host.env, options.verbose),
    stores: () => openStores({ storage: options.storage, env: host.env }),
  };
}
