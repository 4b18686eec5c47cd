import { Command, Help, type Option } from 'commander';
import { buildCommand } from './build.js';
import { completionCommand } from './completion.js';
import type { Host } from './context.js';
import { describeCommand } from './describe.js';
import { CliError, type ExitCode, reportError } from './errors.js';
import { initCommand } from './init.js';
import { inspectCommand } from './inspect.js';
import { listCommand } from './list.js';
import { loginCommand } from './login.js';
import { logoutCommand } from './logout.js';
import { packageCommand } from './package.js';
import { packageVersion } from './package-root.js';
import { pullCommand } from './pull.js';
import { pushCommand } from './push.js';
import { addRegistryFlags } from './registry-flags.js';
import { rmCommand } from './rm.js';
import { runCommand } from './run.js';
import { tagCommand } from './tag.js';
import { openTerminal } from './terminal.js';
import { versionCommand } from './version.js';

/** Every verb of `bee`, in the order of its help. One file a verb. */
const COMMANDS: readonly ((host: Host) => Command)[] = [
  initCommand,
  buildCommand,
  runCommand,
  pushCommand,
  pullCommand,
  tagCommand,
  listCommand,
  rmCommand,
  describeCommand,
  inspectCommand,
  packageCommand,
  loginCommand,
  logoutCommand,
  versionCommand,
  completionCommand,
];

/** Run `bee` with arguments (without node and script). Never throws and never exits: the code is the caller's. */
export async function runBee(args: readonly string[], host: Host): Promise<ExitCode> {
  const program = beeProgram(host);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    const verbose = program.opts<{ verbose?: boolean }>().verbose ?? false;
    const shown = host.signal.aborted ? new CliError('INTERRUPTED', 'interrupted', { cause: error }) : error;
    return reportError(shown, openTerminal(host.stdout, host.stderr, host.env, verbose));
  }
}

export function beeProgram(host: Host): Command {
  const program = new Command('bee')
    .description('Build and manage eBPF probes as OCI images.')
    .version(packageVersion(), '--version', 'print the version')
    .option('--storage <dir>', 'folder of the image store (default: $BEE_STORAGE, then ~/.bumblebee/store)')
    .option('--config-dir <dir>', 'folder of the configuration and credentials (default: ~/.bumblebee)')
    .option('-c, --config <file>', 'file with registry credentials, repeatable', collect, [])
    .option('-v, --verbose', 'say more', false)
    .showHelpAfterError('(bee --help tells more)');
  addRegistryFlags(program).hook('preAction', takeRegistryFlags);
  for (const make of COMMANDS) program.addCommand(make(host));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .configureHelp({ optionDescription })
      .configureOutput({
        writeOut: (text) => void host.stdout.write(text),
        writeErr: (text) => void host.stderr.write(text),
      });
  }
  return program;
}

/** What stands before the command, or is taken by it as standing there, is the command's where it knows the flag. */
function takeRegistryFlags(program: Command, command: Command): void {
  for (const option of REGISTRY_FLAGS.options) {
    const name = option.attributeName();
    const value: unknown = program.getOptionValue(name);
    if (value !== undefined && command.options.some((known) => known.attributeName() === name))
      command.setOptionValue(name, value);
  }
}

const REGISTRY_FLAGS = addRegistryFlags(new Command());

/** That a repeatable flag was not given yet tells nobody anything. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: (\[\]|false)\)$/, '');
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
