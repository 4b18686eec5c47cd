import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
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
/** Characters of an engine's own words that are shown. */
const MAX_WORDS = 300;

export interface EngineOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** The first engine on the PATH that answers. */
export async function findEngine({ env, signal }: EngineOptions): Promise<Engine | undefined> {
  for (const [engine, question] of QUESTIONS) {
    const child = spawn(engine, question, { env, stdio: 'ignore', timeout: ANSWER_MS, signal });
    const [code] = await once(child, 'close').catch(() => [undefined]);
    signal.throwIfAborted();
    if (code === 0) return engine;
  }
  return undefined;
}

/** Hand an archive over to an engine, as `docker load <archive` does. Rejects with what the engine says. */
export async function loadArchive(
  engine: Engine,
  archive: AsyncIterable<Uint8Array>,
  { env, signal }: EngineOptions,
): Promise<void> {
  const child = spawn(engine, ['load'], { env, stdio: ['pipe', 'ignore', 'pipe'], signal });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_WORDS);
  });
  const closed = once(child, 'close');
  // One that ends early says why, and the broken pipe is only what follows from it.
  const sent = pipeline(Readable.from(archive), child.stdin).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    child.kill();
    throw error;
  });
  const [[code]] = await Promise.all([closed, sent]);
  if (code === 0) return;
  const words = said.replace(/[^\x20-\x7e]+/g, ' ').trim();
  throw new CliError('IO', `${engine} load fails: ${words === '' ? `it ended with ${code}` : words}`, {
    hint: 'With --archive FILE, the image is written to a file instead.',
  });
}
