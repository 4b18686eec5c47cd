import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { readSlot } from './batch-file.js';
import { Channel } from './channel.js';
import { hostSink } from './host.js';
import { BATCHES, CHANNEL } from './launch.js';
import type { FromWorker, ToWorker } from './messages.js';
import { thrownText } from './thrown.js';

/** The program of a sink's process. Arguments: the process id of the agent. */

/** For the last message to leave. */
const FAREWELL_MS = 500;

// The agent went before anything here could notice.
if (process.ppid !== Number(process.argv[2])) process.exit(1);
// Sent to all of a service at once, they are the agent's to handle: it flushes its sinks first, and ends them then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

let use: ((message: ToWorker) => void) | undefined;
const socket = new Socket({ fd: CHANNEL, readable: true, writable: true });
const channel = new Channel(
  socket,
  (message) => use?.(message as ToWorker),
  () => process.exit(1),
);
// The agent is gone.
socket.on('close', () => process.exit(1));
const batches = fstatSync(BATCHES);

process.on('uncaughtException', (error) => {
  // The sink's own listener says what becomes of it.
  if (process.listenerCount('uncaughtException') > 1) return;
  setTimeout(() => process.exit(1), FAREWELL_MS);
  channel.send({ kind: 'fatal', message: thrownText(error) } satisfies FromWorker, () => process.exit(1));
});

hostSink({
  send: (message) => channel.send(message),
  receive: (then) => {
    use = then;
  },
  read: (slot) => {
    // A sink that closed it may have opened a file of its own in its place.
    const { dev, ino } = fstatSync(BATCHES);
    if (dev !== batches.dev || ino !== batches.ino)
      throw new Error(`descriptor ${BATCHES} is another file now`);
    return readSlot(BATCHES, slot);
  },
});
