import { fileURLToPath } from 'node:url';
import { compiledFile } from '../compiled-file.js';

/** V8's limit on the heap of a sink's process, MiB. Room for what a growing array or map takes at once. */
export const MOST_HEAP_MB = 512;
/** The kernel's limit on all memory that it can write to (RLIMIT_DATA), MiB: heap, buffers, native code, stacks. */
export const MOST_DATA_MB = 1_024;
/** Descriptor of the file that batches come in. */
export const BATCHES = 3;
/** Descriptor of the socket for everything else. */
export const CHANNEL = 4;

/**
 * Before there is any JavaScript: no core file of a gigabyte at each crash, a limit on memory that no loop can dodge,
 * the first place in the kernel's choice of what to end when memory is short, and an end with its parent even after
 * `kill -9` (PR_SET_PDEATHSIG, where setpriv of util-linux 2.33 or newer is there). What a system does not have is
 * left out.
 */
const WRAPPER = `
ulimit -c 0 2>/dev/null
ulimit -d ${MOST_DATA_MB * 1024} 2>/dev/null
{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
if setpriv --pdeathsig KILL true 2>/dev/null; then set -- setpriv --pdeathsig KILL "$@"; fi
exec "$@"`;

/** The command that starts a sink's process. `name`: what `ps` shows. */
export function launchCommand(name: string): { readonly command: string; readonly args: readonly string[] } {
  const host = fileURLToPath(compiledFile('core/pipeline/isolate/process-host.js'));
  const node = [process.execPath, ...inherited(process.execArgv), ...limits(name)];
  return { command: '/bin/sh', args: ['-c', WRAPPER, 'sh', ...node, host, String(process.pid)] };
}

/** Young objects get what a thread has for them; V8 would give them less because of the limit beside it. */
function limits(name: string): string[] {
  return [`--max-old-space-size=${MOST_HEAP_MB}`, '--max-semi-space-size=16', `--title=bee-sink ${name}`];
}

const WITH_VALUE = /^(-e|-p|-pe|--eval|--print|--inspect-port|--input-type|--title)$/;
const NOT_INHERITED =
  /^(-e|-p|-pe|--eval|--print|--input-type|--inspect[\w-]*|--title|--(max|min|initial)[_-](old|semi|young|heap)[\w-]*|--watch[\w-]*|--test[\w-]*)(=|$)/;

/** Node's options that a worker thread would have, too; a debugger's port is the agent's, as is its own program. */
export function inherited(options: readonly string[]): string[] {
  return options.filter((option, i) => !NOT_INHERITED.test(option) && !WITH_VALUE.test(options[i - 1] ?? ''));
}
