import { isatty } from 'node:tty';
import { runBee } from './program.js';

const terminals = [0, 1, 2].filter((fd) => isatty(fd));
const interrupt = new AbortController();
// SIGHUP: the terminal was closed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());

// Who reads us has gone (`bee list | head`): that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

void runBee(process.argv.slice(2), {
  // A getter: to look at it opens it, and few commands do.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: interrupt.signal,
}).then((code) => {
  process.exitCode = code;
  // The terminal is closed: Node's own exit aborts where it cannot set one back.
  if (terminals.some((fd) => !isatty(fd))) {
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  }
});
