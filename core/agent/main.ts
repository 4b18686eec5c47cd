import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ConfigError, loadConfig, parseDuration } from '../../config/index.js';
import type { DecodePool } from '../decode/index.js';
import { KernelError } from '../kernel/index.js';
import { Agent } from './agent.js';
import { check } from './check.js';
import { AgentError, messageOf } from './error.js';
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.js';
import { summary } from './summary.js';
import { later } from './timer.js';
import { packageVersion } from './version.js';

/** Exit codes: 0 fine, 1 failed, 2 bad usage or config. */
const FAILED = 1;
const BAD_USAGE = 2;
/** A stop takes at most this long, whatever a sink does. */
const STOP_DEADLINE_MS = 4_000;
const TERMINALS = [0, 1, 2].filter((fd) => isatty(fd));

interface Flags {
  readonly config?: string;
  readonly check?: true;
  readonly duration?: number;
  readonly logLevel: LogLevel;
  readonly strict?: true;
}

function parseFlags(argv: readonly string[]): Flags {
  const command = new Command('bee-agent')
    .description('Load eBPF probes from OCI images, and send their events and metrics to sinks.')
    .option(
      '-c, --config <file>',
      'probes.yaml to run (default: ./probes.yaml, then /etc/bee-agent/probes.yaml)',
    )
    .option(
      '--check',
      'validate the config, its sinks, images, maps and filters without touching the kernel, and exit',
    )
    .option('--duration <time>', 'stop after this long, e.g. 30s, 5m', duration)
    .option('--strict', 'exit when any probe fails to start, instead of retrying it')
    .addOption(
      new Option('--log-level <level>', 'what to log to stderr').choices([...LOG_LEVELS]).default('info'),
    )
    .version(`bee-agent ${packageVersion()}`, '-V, --version')
    .addHelpText(
      'after',
      `
Exit codes: 0 fine, 1 failed, 2 bad usage or config.

Examples:
  sudo bee-agent --config probes.yaml
  bee-agent --config probes.yaml --check
  curl 127.0.0.1:9091/metrics
  curl -N '127.0.0.1:9091/events?follow=true'`,
    )
    .allowExcessArguments(true)
    .exitOverride();
  command.parse(argv, { from: 'user' });
  const flags = command.opts<Flags>();
  const [extra] = command.args;
  if (extra !== undefined) {
    const isFile = flags.config === undefined && /\.(ya?ml|json)$/.test(extra);
    command.error(
      `error: too many arguments: found ${extra}, expected options only.${isFile ? ` Did you mean --config ${extra}?` : ''}`,
    );
  }
  return flags;
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Expected a time such as 500ms, 30s, 5m or 1h30m.');
  return ms;
}

async function runCommand(pool: DecodePool | undefined): Promise<number> {
  let flags: Flags;
  try {
    flags = parseFlags(process.argv.slice(2));
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
    throw error;
  }
  const terminal = process.stderr.isTTY === true;
  const log = createLogger({
    level: flags.logLevel,
    terminal,
    color: terminal && !process.env.NO_COLOR,
    write: (line) => process.stderr.write(line),
  });
  // A log reader that went away is no reason to die.
  process.stderr.on('error', () => {});
  try {
    const load = () =>
      loadConfig({
        ...(flags.config === undefined ? {} : { file: flags.config }),
        cwd: process.cwd(),
        env: process.env,
        root: process.getuid?.() === 0,
      });
    if (flags.check) return await check(load, (text) => process.stdout.write(text));
    const agent = new Agent(await load(), { log, strict: flags.strict === true, pool });
    return await run(agent, flags, log);
  } catch (error) {
    return report(error, log);
  }
}

async function run(agent: Agent, flags: Flags, log: Logger): Promise<number> {
  const stopped = stopRequest(agent, flags.duration, log);
  // A signal during start-up stops what has started by then.
  const start = agent.start();
  const first = await Promise.race([start.then(() => 'started' as const), stopped]);
  if (first === 'started') await Promise.race([stopped, agent.ended]);
  await agent.stop(STOP_DEADLINE_MS);
  for (const line of summary(agent.status())) log.info(line);
  return agent.failure ? report(agent.failure, log) : 0;
}

/**
 * Resolves at SIGINT, SIGTERM, the end of `--duration`, or when the terminal is closed; a second signal ends the
 * process at once. Any other SIGHUP has sinks open their files anew.
 */
function stopRequest(agent: Agent, duration: number | undefined, log: Logger): Promise<'stop'> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(128 + constants.signals[signal]);
      asked = true;
      log.info(`${signal}: stopping`);
      resolve('stop');
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    // For the whole run: without a listener it would end the process.
    process.on('SIGHUP', () => {
      if (isHungUp()) {
        if (!asked) onSignal('SIGHUP');
      } else if (!agent.reopen()) log.debug('SIGHUP: no sink has a file to open anew');
    });
    if (duration !== undefined) later(duration, () => resolve('stop'));
  });
}

/** The terminal that this was started on is closed. */
function isHungUp(): boolean {
  return TERMINALS.some((fd) => !isatty(fd));
}

function report(error: unknown, log: Logger): number {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    return BAD_USAGE;
  }
  log.error(
    error instanceof AgentError || error instanceof KernelError || !(error instanceof Error)
      ? messageOf(error)
      : (error.stack ?? error.message),
  );
  return error instanceof AgentError && error.code === 'BAD_CONFIG' ? BAD_USAGE : FAILED;
}

/** Ends the process. `pool`: see {@link AgentOptions.pool}. */
export async function main(pool: DecodePool | undefined): Promise<void> {
  const code = await runCommand(pool);
  // Workers and sinks are closed; whatever still holds the loop (a stuck sink's socket) must not hold the exit.
  process.stdout.write('', () => {
    if (isHungUp()) {
      // Node's own exit aborts where it cannot set a terminal back.
      process.removeAllListeners('SIGHUP');
      process.kill(process.pid, 'SIGHUP');
    } else process.exit(code);
  });
}
