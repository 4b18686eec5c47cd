import { isAscii } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { readCache, writeCache } from './cache-file.js';

/**
 * Loads the scripts of the bundle, which lie beside this file, with what V8 compiled of them at build time: that is
 * a third of a start. Node's own compile cache is for Node 22 and newer, and keeps its files where others may write.
 * A script that has no cache, or one that does not fit (another Node, other flags, edited code), is compiled.
 *
 * In these scripts `import()` is `require`, by the build: Node 20 has no answer to `import()` in a script that comes out
 * of a cache.
 */

interface Loaded {
  readonly file: string;
  readonly source: Buffer;
  readonly script: Script;
  readonly module: { exports: unknown };
}

const folder = dirname(fileURLToPath(import.meta.url));
const node = createRequire(import.meta.url);
const loaded = new Map<string, Loaded>();

/** Exports of the script `name` of the bundle, which runs at its first load in this thread. */
export function load(name: string): unknown {
  const known = loaded.get(name);
  if (known) return known.module.exports;
  const file = join(folder, name);
  const source = readFileSync(file);
  const cachedData = readCache(file, source);
  const script = new Script(textOf(source), { filename: file, ...(cachedData ? { cachedData } : {}) });
  const module = { exports: {} };
  loaded.set(name, { file, source, script, module });
  // The build wraps each in a function, as Node does at run time.
  const run = script.runInThisContext() as (...parts: unknown[]) => void;
  try {
    run(module.exports, requireFrom, module, file, folder);
  } catch (error) {
    // As Node does: what is half made is nobody's.
    loaded.delete(name);
    throw error;
  }
  return module.exports;
}

function requireFrom(name: string): unknown {
  return name.startsWith('./') ? load(name.slice(2)) : node(name);
}

/** UTF-8 costs several times as much to decode, and twice the memory: the build writes ASCII. */
function textOf(source: Buffer): string {
  return source.toString(isAscii(source) ? 'latin1' : 'utf8');
}

/** What this thread has loaded, and whether V8 took its cache. */
export function loadedScripts(): { readonly name: string; readonly cached: boolean }[] {
  return [...loaded].map(([name, { script }]) => ({ name, cached: script.cachedDataRejected === false }));
}

/** Write what V8 has compiled by now, for later starts. At build time only. */
export function saveCodeCache(): void {
  for (const { file, source, script } of loaded.values()) writeCache(file, source, script.createCachedData());
}
