import type { LastWords } from './last-words.js';
import { MOST_DATA_MB, MOST_HEAP_MB } from './launch.js';

/** What V8, C++ and the kernel end a process with whose code is at fault. */
const CRASHES = ['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGABRT', 'SIGTRAP', 'SIGSYS'];

/** Where an allocation fails, some native code crashes, Node's own with SIGSEGV, before anything can tell. */
const NO_WORDS = `, or because it had no memory left (a sink may have ${MOST_DATA_MB} MiB in all)`;

/** Of a process that ended without being told to. */
export function causeOfDeath(
  { code, signal }: { readonly code: number | null; readonly signal: NodeJS.Signals | null },
  lastWords: LastWords,
): string {
  const { outOfMemory, words } = lastWords.cause();
  if (outOfMemory)
    return `it ran out of memory: a sink may have ${MOST_HEAP_MB} MiB of heap at once, and ${MOST_DATA_MB} MiB in all`;
  if (signal === null) return `it ended its own process, with code ${code}`;
  if (signal === 'SIGKILL')
    return 'it was killed (SIGKILL), perhaps by the kernel because memory was short: dmesg tells';
  if (CRASHES.includes(signal))
    return `it crashed (${signal}), most likely in native code of a package that it uses${words === undefined ? NO_WORDS : `: ${words}`}`;
  return `it was ended by ${signal}`;
}
