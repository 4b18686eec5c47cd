import { type MessagePort, workerData } from 'node:worker_threads';
import { hostSink } from './host.js';
import type { ToWorker } from './messages.js';

/** The program of a sink's thread. */

const port = workerData as MessagePort;
hostSink({
  send: (message) => port.postMessage(message),
  receive: (use) => void port.on('message', (message: ToWorker) => use(message)),
});
