import { ConfigError, type LoadedConfig, parseDuration } from '../../../config/index.js';
import { Agent, AgentError, createLogger, later } from '../../agent/index.js';
import type { Context, Host } from '../context.js';
import { CliError } from '../errors.js';
import { credentialOf } from '../registry-flags.js';
import { linesSink, type WriteText } from './lines-sink.js';
import { type ShownFilters, shownFilters } from './map-flags.js';
import { pinFolder } from './pin-folder.js';
import { pullMissing } from './pull-missing.js';
import { type ProbeSource, type RunFlags, runConfig, sourceOf, VIEW_SINK } from './run-config.js';
import type { View } from './view/index.js';

export interface RunOptions extends RunFlags {
  /** `--no-tty`. */
  readonly tty: boolean;
  readonly pinMaps?: string;
  readonly pinProgs?: string;
  readonly duration?: string;
  readonly debug?: true;
}

const STOP_DEADLINE_MS = 4_000;

/** One probe, from its flags to its end. Throws a `CliError` where it fails. */
export async function runProbe(source: string, options: RunOptions, context: Context): Promise<void> {
  const { host, terminal } = context;
  const duration = durationOf(options.duration);
  const given = sourceOf(source, host.cwd);
  // What is wrong with the flags is told before anything is pulled or made.
  configOf(given, options, context);
  const filters = await shownFilters(options.filter);
  const pins = {
    maps: options.pinMaps && pinFolder('--pin-maps', options.pinMaps, host.cwd),
    programs: options.pinProgs && pinFolder('--pin-progs', options.pinProgs, host.cwd),
  };
  const there = 'file' in given ? given : { image: await pullMissing(given.image, options, context) };
  const loaded = configOf(there, options, context);
  const view = options.tty ? await openView(context, filters) : undefined;
  const log = createLogger({
    level: options.debug || terminal.verbose ? 'debug' : 'warn',
    terminal: host.stderr.isTTY === true,
    color: terminal.colors.isColorSupported,
    write: (line) => {
      // A log that goes to a file is not in the way of the view.
      if (!view?.take(line) || !host.stderr.isTTY) terminal.passThrough(line);
    },
  });
  const agent = new Agent(loaded, {
    log,
    strict: true,
    sinks: { [VIEW_SINK]: view?.definition ?? linesSink(filters, writerTo(host)) },
    pins,
    credential: credentialOf(options, context),
  });
  await supervise(agent, view, duration, context);
}

/** The live view, where standard output is a terminal that can show one. */
async function openView({ host }: Context, filters: ShownFilters): Promise<View | undefined> {
  const stdout = host.stdout as NodeJS.WriteStream;
  if (!stdout.isTTY || host.env.TERM === 'dumb' || !host.env.TERM) return undefined;
  const { View } = await import('./view/index.js');
  return new View({ host, stdout, sink: 'view', filters });
}

/** From start to the end that Ctrl-C, `--duration`, a reader that went away or a failure brings. */
async function supervise(
  agent: Agent,
  view: View | undefined,
  duration: number | undefined,
  { host, terminal }: Context,
): Promise<void> {
  let cancel = (): void => {};
  let isOver = false;
  const interrupted = new Promise<void>((resolve) => {
    host.signal.addEventListener('abort', () => resolve(), { once: true });
    if (duration !== undefined) cancel = later(duration, resolve);
    void view?.ended.then(resolve);
  });
  void interrupted.then(() => {
    isOver = true;
  });
  try {
    const started = agent.start().then(() => {
      if (agent.failure || isOver) return;
      if (view) view.open(agent);
      else terminal.progress(`Metrics and events: ${agent.url}/metrics ${agent.url}/events`);
    });
    await Promise.race([started, interrupted]);
    await Promise.race([interrupted, agent.ended]);
  } finally {
    isOver = true;
    cancel();
    const log = await view?.close();
    if (log && host.stderr.isTTY) terminal.passThrough(log);
  }
  await agent.stop(STOP_DEADLINE_MS);
  if (agent.failure) throw readable(agent.failure);
}

function configOf(
  source: ProbeSource,
  options: RunOptions,
  { host, options: general }: Context,
): LoadedConfig {
  try {
    return runConfig(source, options, { cwd: host.cwd, storage: general.storage });
  } catch (error) {
    throw readable(error);
  }
}

/** The flags are the config here: places in it would say nothing. */
function readable(error: unknown): unknown {
  if (error instanceof ConfigError)
    return new CliError(
      'USAGE',
      error.problems.map(({ message }) => message.replace(/^agent\.listen:/, '--listen:')).join('\n'),
      { cause: error },
    );
  if (error instanceof AgentError && error.code === 'ADDRESS_IN_USE')
    return new CliError(
      'IO',
      `${error.address} is in use by another process. Stop it, or choose another address with --prom-port or --listen`,
      { cause: error },
    );
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
