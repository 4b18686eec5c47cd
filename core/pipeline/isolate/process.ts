import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Accepts, EventBatchData } from '../../../plugins/sdk/index.js';
import { encodeBatch } from '../batch/batch-codec.js';
import { messageOf } from '../error.js';
import { BatchFile } from './batch-file.js';
import { type Carrier, type CarrierEvents, joined, type Packed } from './carrier.js';
import { causeOfDeath } from './cause-of-death.js';
import { LastWords } from './last-words.js';
import { launchCommand } from './launch.js';
import type { FromWorker, ToWorker } from './messages.js';
import { onLines } from './output-lines.js';

/** For the last lines and messages of one that has ended: what it started may hold its pipes for ever. */
const DRAIN_MS = 500;
/** One that was killed is gone at once, but where the kernel holds it, in a hung file system for example. */
const END_MS = 2_000;

/** None outlives this process, whichever way this one ends by itself. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) killGroup(child);
});

/** A sink's host in a process of its own. */
export class ProcessCarrier implements Carrier {
  private readonly child: ChildProcess;
  private readonly file = BatchFile.create();
  private readonly gone: Promise<void>;

  constructor(name: string, events: CarrierEvents) {
    const { command, args } = launchCommand(name);
    try {
      this.child = spawn(command, args, {
        // A session of its own: what the terminal sends to all, such as Ctrl-C, is the agent's to handle.
        detached: true,
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', this.file?.readable ?? 'ignore', 'ipc'],
      });
    } catch (error) {
      this.file?.close();
      throw error;
    } finally {
      this.file?.closeReadable();
    }
    living.add(this.child);
    const words = this.listen(events);
    this.gone = new Promise((resolve) => {
      whenOver(this.child, (how) => {
        living.delete(this.child);
        this.child.stdout?.destroy();
        this.child.stderr?.destroy();
        this.file?.close();
        resolve();
        events.exit(how.error ? `it cannot be started: ${messageOf(how.error)}` : causeOfDeath(how, words));
      });
    });
  }

  private listen(events: CarrierEvents): LastWords {
    const { stdout, stderr } = this.child;
    const words = new LastWords((line) => events.print('warn', line));
    if (stdout) onLines(stdout, (line) => events.print('info', line));
    if (stderr) onLines(stderr, (line) => words.hear(line));
    this.child.on('message', (message) => {
      // Whatever else runs in that process may have found the channel.
      if (typeof message === 'object' && message !== null && 'kind' in message)
        events.message(message as unknown as FromWorker);
    });
    return words;
  }

  post(message: ToWorker): void {
    // That it cannot be sent any more is told by its exit.
    if (this.child.connected) this.child.send(message, () => {});
  }

  pack(batch: EventBatchData, accepts: Accepts): Packed {
    const { meta, body } = encodeBatch(batch, accepts);
    const slot = this.file?.write(body);
    return {
      // Through the channel where there is no room in memory: slower, and nothing waits for it.
      batch: { count: batch.count, meta, body: slot ?? joined(body) },
      transfer: [],
      release: () => {
        if (slot) this.file?.free(slot);
      },
    };
  }

  unref(): void {
    this.child.unref();
    this.child.channel?.unref();
    for (const stream of [this.child.stdout, this.child.stderr]) (stream as Socket | null)?.unref();
  }

  async end(): Promise<void> {
    killGroup(this.child);
    this.child.ref();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, END_MS);
    });
    await Promise.race([this.gone, late]);
    clearTimeout(timer);
  }
}

/** With what it has started. Only while it is ours: after that its number may be another's. */
function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone in this moment.
  }
}

interface Over {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was never there. */
  readonly error?: Error;
}

/** When it is gone, and all that it wrote was read. Once. */
function whenOver(child: ChildProcess, tell: (how: Over) => void): void {
  child.on('error', (error) => {
    if (child.pid === undefined) tell({ code: null, signal: null, error });
  });
  child.once('exit', (code, signal) => {
    if (child.pid === undefined) return;
    const timer = setTimeout(over, DRAIN_MS).unref();
    child.once('close', over);
    function over(): void {
      clearTimeout(timer);
      child.off('close', over);
      tell({ code, signal });
    }
  });
}
