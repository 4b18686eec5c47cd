import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemReason } from '../../oci/index.js';
import { CliError } from '../errors.js';

/** A container engine of this machine, by its program. */
export type Engine = 'docker' | 'podman';

/** What shows that an engine can be spoken to: docker's client is installed without its daemon, too. */
const QUESTIONS: readonly (readonly [Engine, readonly string[]])[] = [
  ['docker', ['version', '--format', '{{.Server.Version}}']],
  ['podman', ['info', '--format', '{{.Version.Version}}']],
];
/** ms; an engine may be on another machine. */
const ANSWER_MS = 15_000;
/** ms that are left to an engine that has ended to have said why. */
const LAST_WORDS_MS = 500;
/** Characters of an engine's own words that are shown. */
const MAX_WORDS = 300;

export interface EngineOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** The engine that answers, or why none does, in one line. */
export type FoundEngine = { readonly engine: Engine } | { readonly why: string };

/** The first engine on the PATH that answers: Docker before Podman. */
export async function findEngine(options: EngineOptions): Promise<FoundEngine> {
  const reasons: string[] = [];
  for (const [engine, question] of QUESTIONS) {
    const reason = await silenceOf(engine, question, options);
    options.signal.throwIfAborted();
    if (reason === undefined) return { engine };
    reasons.push(`${engine}: ${reason}`);
  }
  return { why: reasons.join('; ') };
}

/** Why an engine does not answer, in the last line that it says; undefined where it does. */
async function silenceOf(
  engine: Engine,
  question: readonly string[],
  { env, signal }: EngineOptions,
): Promise<string | undefined> {
  const child = spawn(engine, question, {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: ANSWER_MS,
    signal,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_WORDS);
  });
  const closed = once(child, 'close').catch(() => undefined);
  try {
    const [code, killed] = await once(child, 'exit');
    if (code === 0) return undefined;
    // A helper of its own that lives on may keep the pipe open.
    await Promise.race([closed, sleep(LAST_WORDS_MS)]);
    if (killed !== null) return `no answer within ${ANSWER_MS / 1000} s`;
    return (
      words(
        said
          .trimEnd()
          .split(/[\r\n]+/)
          .at(-1) ?? '',
      ) || `it ended with ${code}`
    );
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not installed' : systemReason(error);
  } finally {
    child.stderr.destroy();
  }
}

/** Without what could act on a terminal. */
function words(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').trim();
}

/** Hand an archive over to an engine, as `docker load <archive` does. Rejects with what the engine says. */
export async function loadArchive(
  engine: string,
  archive: AsyncIterable<Uint8Array>,
  { env, signal }: EngineOptions,
): Promise<void> {
  const child = spawn(engine, ['load'], { env, stdio: ['pipe', 'ignore', 'pipe'], signal });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_WORDS);
  });
  const closed = once(child, 'close').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new CliError('MISSING_TOOL', `${engine} is not installed`, {
      hint: 'With --archive FILE, the image is written to a file instead.',
    });
  });
  // One that ends early says why, and the broken pipe is only what follows from it.
  const sent = pipeline(Readable.from(archive), child.stdin).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    child.kill();
    throw error;
  });
  const [[code]] = await Promise.all([closed, sent]);
  if (code === 0) return;
  throw new CliError('IO', `${engine} load fails: ${words(said) || `it ended with ${code}`}`, {
    hint: 'With --archive FILE, the image is written to a file instead.',
  });
}
