import { basename, dirname, resolve } from 'node:path';
import type { EventBatch, Sink, SinkContext, WriteCall, WriteResult } from '../sdk/index.js';
import { compress } from './compress.js';
import { EventFile } from './event-file.js';
import { Folder } from './folder.js';
import type { FileOptions } from './options.js';
import { Rotated } from './rotated.js';

/** After a rotation that failed: until then the file grows. */
const ROTATE_AGAIN_MS = 10_000;
/** A timer holds no more than 24 days, and the clock may be set. */
const LONGEST_TIMER_MS = 3_600_000;

/** Files that this process writes: a second sink on one of them would compress and remove what the first writes. */
const taken = new Set<string>();

export async function openFileSink(options: FileOptions, context: SinkContext): Promise<Sink> {
  const path = resolve(context.directory, options.path);
  if (taken.has(path)) throw new Error(`${path}: another sink writes this file already`);
  taken.add(path);
  const sink = new FileSink(path, options, context);
  try {
    await sink.start();
    return sink;
  } catch (error) {
    await sink.close();
    throw error;
  }
}

class FileSink implements Sink {
  private readonly name: string;
  private readonly rotated: Rotated;
  private folder: Folder | undefined;
  private file: EventFile | undefined;
  /** The period of `rotate.every` that the file's events are of; undefined while it is empty. */
  private period: number | undefined;
  private rotateAfter = Number.NEGATIVE_INFINITY;
  private dirty = false;
  /** A batch that spans files and was cut off: what of it is in files already. */
  private begun: { readonly key: object; readonly offset: number } | undefined;
  /** Writing, rotating and reopening take turns. */
  private turn: Promise<unknown> = Promise.resolve();
  private compressing: Promise<void> | undefined;
  private readonly ending = new AbortController();
  private closed: Promise<void> | undefined;
  private syncTimer: NodeJS.Timeout | undefined;
  private periodTimer: NodeJS.Timeout | undefined;
  private readonly rotations: { add(value: number): void };
  private readonly failures: { add(value: number): void };
  private readonly removed: { add(value: number): void };

  constructor(
    private readonly path: string,
    private readonly options: FileOptions,
    private readonly context: SinkContext,
  ) {
    this.name = basename(path);
    this.rotated = new Rotated(this.name);
    const { telemetry } = context;
    this.rotations = telemetry.counter('file_rotations_total', 'Times that the event file was rotated.');
    this.failures = telemetry.counter(
      'file_errors_total',
      'Rotations, compressions, reopenings and fsyncs of the event file that failed.',
    );
    this.removed = telemetry.counter(
      'file_removed_total',
      'Rotated files that were removed, as keep demands.',
    );
  }

  async start(): Promise<void> {
    try {
      await this.openAnew();
      if (this.options.rotate) await this.rotated.sweep(this.folder!);
    } catch (error) {
      throw new Error(this.explain(error), { cause: error });
    }
    const { fsync, fsync_interval: interval, rotate } = this.options;
    if (fsync === 'interval')
      this.syncTimer = setInterval(() => void this.inTurn('fsync', () => this.sync()), interval).unref();
    if (rotate !== false && rotate.every) this.armPeriod(rotate.every);
    this.tidy();
  }

  write(batch: EventBatch, { signal }: WriteCall): Promise<WriteResult> {
    const answer = this.turn.then(() => this.writeNow(batch, signal));
    this.turn = answer.catch(() => {});
    return answer;
  }

  private async writeNow(batch: EventBatch, signal: AbortSignal): Promise<WriteResult> {
    if (this.closed) return { status: 'closed' };
    if (signal.aborted) return { status: 'retry', error: 'given up before it was written' };
    try {
      await this.writeLines(batch);
      return { status: 'ok' };
    } catch (error) {
      return { status: 'retry', error: this.explain(error) };
    }
  }

  /** A batch that fits a file goes into one as a whole, or not at all. */
  private async writeLines({ data, ndjson, lineEnds }: EventBatch): Promise<void> {
    let offset = this.begun?.key === data ? this.begun.offset : 0;
    while (offset < ndjson.byteLength) {
      const room = await this.makeRoom(ndjson.byteLength - offset);
      const end = cut(lineEnds, offset, room);
      const lines = ndjson.subarray(offset, end);
      if (this.options.fsync === 'always') await this.file!.appendDurably(lines);
      else await this.file!.append(lines);
      this.dirty = true;
      this.period ??= this.now();
      offset = end;
      this.begun = offset < ndjson.byteLength ? { key: data, offset } : undefined;
    }
  }

  /** Have an open file, rotated where that is due, and give the bytes that it may still take. */
  private async makeRoom(wanted: number): Promise<number> {
    if (!this.file) await this.openAnew();
    let state = await this.file!.state();
    if (state.gone) {
      this.context.log.warn(`${this.path} was removed while it was written; made again`);
      await this.openAnew();
      state = await this.file!.state();
    }
    const { rotate } = this.options;
    if (!rotate) return Number.POSITIVE_INFINITY;
    const full = state.size + wanted > rotate.size;
    const old = this.period !== undefined && this.period !== this.now();
    if (state.size > 0 && (full || old) && performance.now() >= this.rotateAfter) {
      if (await this.rotate()) state = await this.file!.state();
    }
    // Where rotating fails the file grows: events come before sizes.
    return performance.now() < this.rotateAfter ? Number.POSITIVE_INFINITY : rotate.size - state.size;
  }

  private now(): number {
    const { rotate } = this.options;
    return rotate !== false && rotate.every ? Math.floor(Date.now() / rotate.every) : 0;
  }

  private async rotate(): Promise<boolean> {
    try {
      if (this.options.fsync !== 'never') await this.sync();
      await this.rotated.take(this.folder!);
    } catch (error) {
      this.fail('rotating', error);
      this.rotateAfter = performance.now() + ROTATE_AGAIN_MS;
      return false;
    }
    this.rotations.add(1);
    // The open file is the rotated one now: nothing may be written before the new one is there.
    await this.closeFile();
    await this.openAnew();
    if (this.options.fsync !== 'never') await this.folder!.sync();
    this.tidy();
    return true;
  }

  /** Compress and remove in the background; one at a time. */
  private tidy(): void {
    const { rotate } = this.options;
    if (!rotate || this.closed) return;
    this.compressing = (this.compressing ?? Promise.resolve())
      .then(() => this.tidyNow(rotate))
      .catch((error) => {
        if (!this.ending.signal.aborted) this.fail('compressing', error);
      });
  }

  private async tidyNow({ keep, compress: kind }: Exclude<FileOptions['rotate'], false>): Promise<void> {
    // A folder of its own: a reopening must not take it away.
    const folder = await Folder.open(dirname(this.path));
    try {
      if (keep !== 'all') this.removed.add(await this.rotated.prune(folder, keep));
      if (kind === 'none') return;
      for (const { name, suffix } of await this.rotated.list(folder)) {
        if (this.ending.signal.aborted) return;
        if (suffix === '') await compress(folder, name, kind, this.ending.signal);
      }
    } finally {
      await folder.close();
    }
  }

  private armPeriod(every: number): void {
    const left = every - (Date.now() % every);
    this.periodTimer = setTimeout(
      () => {
        void this.inTurn('rotating', async () => {
          if (this.file) await this.makeRoom(0);
        });
        this.armPeriod(every);
      },
      Math.min(left + 1, LONGEST_TIMER_MS),
    ).unref();
  }

  /** Let go of the file, and open what has its name now. */
  private async openAnew(): Promise<void> {
    await this.closeFile();
    this.folder = await Folder.open(dirname(this.path));
    this.file = await EventFile.open(this.folder, this.name, this.options.mode);
    const { size, written } = await this.file.state();
    const { rotate } = this.options;
    this.period =
      size === 0 ? undefined : rotate !== false && rotate.every ? Math.floor(written / rotate.every) : 0;
  }

  private async closeFile(): Promise<void> {
    const { file, folder } = this;
    this.file = undefined;
    this.folder = undefined;
    if (file && this.dirty && this.options.fsync !== 'never')
      await file.sync().catch((e) => this.fail('fsync', e));
    this.dirty = false;
    await file?.close();
    await folder?.close();
  }

  reopen(): Promise<void> {
    return this.inTurn('reopening', () => this.openAnew());
  }

  private async sync(): Promise<void> {
    if (!this.dirty || !this.file) return;
    await this.file.sync();
    this.dirty = false;
  }

  async flush(): Promise<void> {
    if (this.options.fsync !== 'never') await this.inTurn('fsync', () => this.sync());
  }

  private inTurn(what: string, work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(async () => {
      if (this.closed) return;
      await work();
    });
    this.turn = done.catch((error) => this.fail(what, error));
    return this.turn as Promise<void>;
  }

  private fail(what: string, error: unknown): void {
    this.failures.add(1);
    this.context.log.warn(`${what} failed: ${this.explain(error)}`);
  }

  /** Node's messages name the path through which the folder is held. */
  private explain(error: unknown): string {
    const { code, message } = error as NodeJS.ErrnoException;
    switch (code) {
      case 'ENOSPC':
        return `${this.path}: no space left on the disk`;
      case 'EDQUOT':
        return `${this.path}: the disk quota is used up`;
      case 'EROFS':
        return `${this.path}: the file system is read-only`;
      case 'EACCES':
      case 'EPERM':
        return `${this.path}: not permitted (${code}) for uid ${process.geteuid?.()}`;
      case 'EISDIR':
        return `${this.path}: is a folder`;
      default:
        return message.replace(/\/proc\/self\/fd\/\d+/g, dirname(this.path));
    }
  }

  close(): Promise<void> {
    this.closed ??= this.closeOnce();
    return this.closed;
  }

  private async closeOnce(): Promise<void> {
    clearInterval(this.syncTimer);
    clearTimeout(this.periodTimer);
    this.ending.abort(new Error('the sink closes'));
    await this.turn;
    await this.closeFile();
    await this.compressing;
    taken.delete(this.path);
  }
}

/** Where to cut so that at most `room` bytes go, in whole lines; at least one line. */
function cut(lineEnds: Uint32Array, offset: number, room: number): number {
  const most = offset + room;
  const total = lineEnds[lineEnds.length - 1]!;
  if (total <= most) return total;
  let low = 0;
  let high = lineEnds.length;
  // First line that ends beyond `most`.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lineEnds[middle]! <= most) low = middle + 1;
    else high = middle;
  }
  const end = low > 0 ? lineEnds[low - 1]! : 0;
  return end > offset ? end : lineEnds[low]!;
}
