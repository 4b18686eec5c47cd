import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Accepts, EventBatchData } from '../../../plugins/sdk/index.js';
import { encodeBatch } from '../batch/batch-codec.js';
import { messageOf } from '../error.js';
import { BatchFile } from './batch-file.js';
import { type Carrier, type CarrierEvents, joined, type Packed } from './carrier.js';
import { causeOfDeath } from './cause-of-death.js';
import { Channel } from './channel.js';
import { LastWords } from './last-words.js';
import { CHANNEL, launchCommand } from './launch.js';
import type { ToWorker } from './messages.js';
import { onLines } from './output-lines.js';

/** For the last lines and messages of one that has ended: what it started may hold its pipes for ever. */
const DRAIN_MS = 500;
/** One that was killed is gone at once, but where the kernel holds it, in a hung file system for example. */
const END_MS = 2_000;

/** None outlives this process, whichever way this one ends by itself. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const { pid } of living) killGroup(pid);
});

/** A sink's host in a process of its own. */
export class ProcessCarrier implements Carrier {
  private readonly child: ChildProcess;
  private readonly channel: Channel;
  private readonly file = BatchFile.create();
  private readonly gone: Promise<void>;

  constructor(name: string, events: CarrierEvents) {
    const { command, args } = launchCommand(name);
    try {
      this.child = spawn(command, args, {
        // A session of its own: what the terminal sends to all, such as Ctrl-C, is the agent's to handle.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe', this.file?.readable ?? 'ignore', 'pipe'],
      });
    } catch (error) {
      this.file?.close();
      throw error;
    } finally {
      this.file?.closeReadable();
    }
    living.add(this.child);
    const words = this.listen(events);
    this.channel = new Channel(
      this.socket,
      (message) => events.message(message),
      (why) => events.message({ kind: 'fatal', message: why }),
    );
    // Without it nothing can be asked.
    this.socket.on('close', () => this.kill());
    this.gone = new Promise((resolve) => {
      whenOver(this.child, (how) => {
        living.delete(this.child);
        this.child.stdout?.destroy();
        this.child.stderr?.destroy();
        this.socket.destroy();
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
    return words;
  }

  post(message: ToWorker): void {
    // That it cannot be sent any more is told by its exit.
    if (this.socket.writable) this.channel.send(message);
  }

  private get socket(): Socket {
    return this.child.stdio[CHANNEL] as Socket;
  }

  private kill(): void {
    const { pid, exitCode, signalCode } = this.child;
    // After that its number may be another's.
    if (exitCode === null && signalCode === null) killGroup(pid);
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
    for (const stream of [this.child.stdout, this.child.stderr, this.socket])
      (stream as Socket | null)?.unref();
  }

  async end(): Promise<void> {
    this.kill();
    this.child.ref();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, END_MS);
    });
    await Promise.race([this.gone, late]);
    clearTimeout(timer);
  }
}

/** A sink's process, with what it has started. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
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
  child.once('error', (error) => {
    if (child.pid === undefined) tell({ code: null, signal: null, error });
  });
  child.once('exit', (code, signal) => {
    if (child.pid === undefined) return;
    // What it started is of its group still, so that the number is no other's; it must not be left, nor hold the pipes.
    killGroup(child.pid);
    const timer = setTimeout(over, DRAIN_MS).unref();
    child.once('close', over);
    function over(): void {
      clearTimeout(timer);
      child.off('close', over);
      tell({ code, signal });
    }
  });
}
