import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, resolve as resolvePath } from 'node:path';
import type { ConfigPath, LoadedConfig } from './config.js';
import { MAX_BYTES, readDocument } from './document.js';
import { ConfigError, type ConfigProblem, type ProblemCode } from './error.js';
import type { Environment } from './expand.js';
import { findConfig, searchedPlaces } from './find.js';
import { resolve } from './resolve.js';
import { salvage } from './salvage.js';
import { descend } from './source-node.js';
import { SourceText } from './source-text.js';
import { requireTrusted } from './trust.js';
import { validate } from './validate.js';

export interface LoadOptions {
  /** As given by the user; absent: searched for. */
  readonly file?: string;
  readonly cwd: string;
  /** Variables for `${NAME}`; `SUDO_UID` says whose file root may trust. */
  readonly env: Environment;
  /** Running as root: a file that others can write is refused. */
  readonly root: boolean;
}

/**
 * Find, read and validate the config. Throws {@link ConfigError}, with every problem and not only the first.
 *
 * @example const { config, locate } = await loadConfig({ cwd: process.cwd(), env: process.env, root: false });
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { cwd, env } = options;
  const given = options.file ?? (await findConfig(cwd));
  if (given === undefined) {
    const message = `no config found: there is ${searchedPlaces(cwd)}. Name one with --config FILE`;
    throw new ConfigError('not_found', message);
  }
  const file = isAbsolute(given) ? given : resolvePath(cwd, given);
  return parseConfig(await read(file, options), file, env);
}

/**
 * The pure core of {@link loadConfig}.
 *
 * @param text the file's content; bytes must be UTF-8
 * @param file its absolute path: relative paths in it are resolved against its directory
 */
export function parseConfig(text: string | Uint8Array, file: string, env: Environment): LoadedConfig {
  const source = new SourceText(file, decode(text, file));
  const document = readDocument(source, env);
  const checked = document.root && validate(document.root, source);
  const problems = [...document.problems, ...(checked && 'problems' in checked ? checked.problems : [])];
  const { root } = document;
  if (!root || !checked) throw ConfigError.of(problems);
  const locate = (path: ConfigPath) => source.position(descend(root, path).node.start);
  if (problems.length > 0 || 'problems' in checked)
    throw ConfigError.of(problems, salvage({ root, problems, file, locate }));
  return { config: resolve(checked.file, file, root), file, locate };
}

async function read(file: string, { env, root }: LoadOptions): Promise<Uint8Array> {
  try {
    const real = await realpath(file);
    // Not blocking: opening a FIFO would wait for its writer.
    const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new ConfigError('unreadable', `${file}: no regular file`);
      if (root) await requireTrusted(real, stats, env);
      const buffer = Buffer.alloc(MAX_BYTES + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ConfigError('not_found', `${file}: no such file`, [], { cause: error });
    const reason = code === 'EACCES' ? 'no permission to read it' : message;
    throw new ConfigError('unreadable', `${file}: ${reason}`, [], { cause: error });
  }
}

function decode(text: string | Uint8Array, file: string): string {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  if (bytes.byteLength > MAX_BYTES) {
    throw problem(
      'too_large',
      file,
      1,
      1,
      `found more than ${MAX_BYTES / 1024} KiB, expected a smaller file`,
    );
  }
  if (typeof text === 'string') return text.replace(/^\ufeff/, '');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const { line, column } = firstInvalid(bytes);
    throw problem('encoding', file, line, column, 'found bytes that are no UTF-8. Save the file as UTF-8');
  }
}

/** The place where decoding and encoding again first differs. */
function firstInvalid(bytes: Uint8Array): { line: number; column: number } {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let bytesBefore = 0;
  let last = 0;
  let valid = text.length;
  for (let at = text.indexOf('\ufffd'); at !== -1; at = text.indexOf('\ufffd', at + 1)) {
    bytesBefore += Buffer.byteLength(text.slice(last, at));
    last = at;
    // A replacement character that was written as one is fine.
    const [first, second, third] = bytes.subarray(bytesBefore, bytesBefore + 3);
    if (first === 0xef && second === 0xbf && third === 0xbd) continue;
    valid = at;
    break;
  }
  return new SourceText('', text).position(valid);
}

function problem(
  code: ProblemCode,
  file: string,
  line: number,
  column: number,
  message: string,
): ConfigError {
  const found: ConfigProblem = { code, path: [], position: { file, line, column }, message };
  return ConfigError.of([found]);
}
