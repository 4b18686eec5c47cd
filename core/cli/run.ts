import { Command } from 'commander';
import { ConfigError, type LoadedConfig, parseDuration } from '../../config/index.js';
import type { SinkDefinition } from '../../plugins/sdk/index.js';
import { Agent, AgentError, createLogger, type Logger } from '../agent/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { linesSink, type WriteText } from './run/lines-sink.js';
import { parseFilter, type ShownFilter } from './run/map-flags.js';
import { type RunFlags, runConfig, VIEW_SINK } from './run/run-config.js';
import { verifyKeyOption } from './verify-flag.js';

interface RunOptions extends RunFlags {
  readonly filter: readonly string[];
  /** `--no-tty`. */
  readonly tty: boolean;
  readonly pinMaps?: string;
  readonly pinProgs?: string;
  readonly duration?: string;
  readonly debug?: true;
}

const STOP_DEADLINE_MS = 4_000;

/** `bee run REF|FILE`: one probe, shown here and served to curl. Flags are BumbleBee's where it has them. */
export function runCommand(host: Host): Command {
  return new Command('run')
    .description('Run a probe from an image or an object file, and show what it says.')
    .argument('<source>', 'image reference, or object file')
    .option('-f, --filter <map,key,regex>', 'show only records whose field matches, repeatable', collect, [])
    .option(
      '-b, --hist-buckets <map,[n,…]>',
      "upper bounds of a histogram's buckets, repeatable",
      collect,
      [],
    )
    .option('-k, --hist-value-key <map,key>', 'field that a histogram observes, repeatable', collect, [])
    .option('--param <name=value>', 'set a const volatile global of the probe, repeatable', collect, [])
    .addOption(verifyKeyOption('run only an image that is signed with this public key (cosign.pub)'))
    .option('--no-tty', 'print JSON lines, as in a pipe')
    .option('--pin-maps <dir>', "pin the probe's maps in this folder of a BPF file system")
    .option('--pin-progs <dir>', "pin the probe's programs in this folder of a BPF file system")
    .option('--prom-port <port>', 'port of /metrics and /events on the loopback interface', '9091')
    .option('--listen <address>', 'another address for them, such as 0.0.0.0:9091 or unix:/run/bee.sock')
    .option('--duration <time>', 'stop after this long, e.g. 30s, 5m')
    .option('-d, --debug', 'log what happens')
    .addHelpText('after', EXAMPLES)
    .action((source: string, options: RunOptions, command: Command) =>
      run(source, options, contextOf(command, host)),
    );
}

const EXAMPLES = `
Examples:
  sudo bee run ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14
  sudo bee run localhost/examples/execsnoop:latest --no-tty | jq .data.comm
  curl 127.0.0.1:9091/metrics`;

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

async function run(source: string, options: RunOptions, context: Context): Promise<void> {
  const { host, terminal } = context;
  const filters = new Map<string, ShownFilter>();
  for (const text of options.filter) {
    const filter = parseFilter(text);
    filters.set(filter.map, filter);
  }
  const duration = durationOf(options.duration);
  const loaded = configOf(source, options, context);
  const log = createLogger({
    level: options.debug || terminal.verbose ? 'debug' : 'warn',
    terminal: host.stderr.isTTY === true,
    color: terminal.colors.isColorSupported,
    write: (line) => void terminal.passThrough(line),
  });
  await supervise(loaded, linesSink(filters, writerTo(host)), log, { ...options, ms: duration }, context);
}

/** From start to the end that Ctrl-C, `--duration`, a reader that went away or a failure brings. */
async function supervise(
  loaded: LoadedConfig,
  view: SinkDefinition<unknown>,
  log: Logger,
  options: RunOptions & { readonly ms: number | undefined },
  { host, terminal }: Context,
): Promise<void> {
  const agent = new Agent(loaded, {
    log,
    strict: true,
    sinks: { [VIEW_SINK]: view },
    pins: { maps: options.pinMaps, programs: options.pinProgs },
  });
  const interrupted = new Promise<void>((resolve) => {
    host.signal.addEventListener('abort', () => resolve(), { once: true });
    if (options.ms !== undefined) setTimeout(resolve, options.ms);
  });
  const started = agent.start().then(() => {
    if (!agent.failure) terminal.progress(`Metrics and events: ${agent.url}/metrics ${agent.url}/events`);
  });
  await Promise.race([started, interrupted]);
  await Promise.race([interrupted, agent.ended]);
  await agent.stop(STOP_DEADLINE_MS);
  if (agent.failure) throw readable(agent.failure);
}

function configOf(source: string, options: RunOptions, { host, options: general }: Context): LoadedConfig {
  try {
    return runConfig(source, options, { cwd: host.cwd, storage: general.storage });
  } catch (error) {
    throw readable(error);
  }
}

/** The flags are the config here: places in it would say nothing. */
function readable(error: unknown): unknown {
  if (error instanceof ConfigError)
    return new CliError('USAGE', error.problems.map(({ message }) => message).join('\n'), { cause: error });
  if (error instanceof AgentError) return new CliError('IO', error.message, { cause: error });
  return error;
}

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new CliError(
      'USAGE',
      `--duration ${JSON.stringify(text)}: expected a time such as 500ms, 30s or 5m`,
    );
  return ms;
}

/** To stdout, waiting for a reader that is slow. */
function writerTo({ stdout }: Host): WriteText {
  return (text) =>
    new Promise((resolve) => {
      const done = (error?: Error | null): void => resolve(!error);
      (stdout as unknown as NodeJS.WriteStream).write(text, done);
    });
}
