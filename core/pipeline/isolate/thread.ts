import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Accepts, EventBatchData } from '../../../plugins/sdk/index.js';
import { encodeBatch } from '../batch/batch-codec.js';
import { compiledFile } from '../compiled-file.js';
import { type Carrier, type CarrierEvents, joined, type Packed } from './carrier.js';
import type { ToWorker } from './messages.js';
import { onLines } from './output-lines.js';
import { thrownText } from './thrown.js';

/** A thread that never comes to look at its own memory ends here. Room for what a growing array or map takes at once. */
const MOST_HEAP_MB = 1_024;

/** A sink's host in a thread of this process. */
export class ThreadCarrier implements Carrier {
  private readonly worker: Worker;
  private readonly port: MessagePort;

  constructor(name: string, events: CarrierEvents) {
    // A channel of its own: what a sink posts to its parent is not for us.
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.worker = new Worker(compiledFile('core/pipeline/isolate/thread-host.js'), {
      name,
      workerData: port2,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MB },
      stdout: true,
      stderr: true,
    });
    onLines(this.worker.stdout, (line) => events.print('info', line));
    onLines(this.worker.stderr, (line) => events.print('warn', line));
    port1.on('message', (message) => events.message(message));
    port1.unref();
    let why: string | undefined;
    this.worker.on('error', (error: Error & { code?: unknown }) => {
      why =
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? `it used more than ${MOST_HEAP_MB} MiB of heap at once`
          : thrownText(error);
    });
    this.worker.on('exit', (code) => events.exit(why ?? `it ended its own thread, with code ${code}`));
  }

  post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.port.postMessage(message, transfer);
  }

  pack(batch: EventBatchData, accepts: Accepts): Packed {
    const { meta, body } = encodeBatch(batch, accepts);
    const block = joined(body);
    return { batch: { count: batch.count, meta, body: block }, transfer: [block.buffer], release() {} };
  }

  unref(): void {
    this.worker.unref();
  }

  async end(): Promise<void> {
    this.port.close();
    await this.worker.terminate();
  }
}
