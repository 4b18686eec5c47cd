import { readSlot } from './batch-file.js';
import { hostSink } from './host.js';
import { BATCHES } from './launch.js';
import type { FromWorker, ToWorker } from './messages.js';
import { thrownText } from './thrown.js';

/** The program of a sink's process. Arguments: the process id of the agent. */

/** For the last message to leave. */
const FAREWELL_MS = 500;

// The agent went before anything here could notice.
if (process.ppid !== Number(process.argv[2])) process.exit(1);
process.on('disconnect', () => process.exit(1));
// Sent to all of a service at once, they are the agent's to handle: it flushes its sinks first, and ends them then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const send = process.send?.bind(process);
if (!send) throw new Error('this program is started by bee-agent');
// The channel is the agent's. A sink that asks whether it has a parent to talk to finds none, as in a thread.
process.send = undefined as never;
process.disconnect = undefined as never;

process.on('uncaughtException', (error) => {
  // The sink's own listener says what becomes of it.
  if (process.listenerCount('uncaughtException') > 1) return;
  setTimeout(() => process.exit(1), FAREWELL_MS);
  send({ kind: 'fatal', message: thrownText(error) } satisfies FromWorker, () => process.exit(1));
});

hostSink({
  send: (message) => void send(message),
  receive: (use) =>
    void process.on('message', (message) => {
      // A sink may emit anything on `process`.
      if (typeof message === 'object' && message !== null && 'kind' in message)
        use(message as unknown as ToWorker);
    }),
  read: (slot) => readSlot(BATCHES, slot),
});
