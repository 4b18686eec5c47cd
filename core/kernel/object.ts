import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeMap, NativeObject, NativeProgram } from '../../native/addon.js';
import { checkSoundness, mapTypeName } from '../bpf/index.js';
import { addon, guarded } from './addon.js';
import { KernelError } from './error.js';
import { explainAttach, explainLoad, explainOpen, explainPin } from './explain.js';
import { isTracepoint, sectionKind, unattachable } from './sections.js';
import { ensureTracefs } from './tracefs.js';

/** A program of an object; `type` as libbpf names program types: `tracepoint`, `raw_tracepoint`, `tracing`, … */
export type KernelProgram = Readonly<NativeProgram>;

/** A map in the kernel. `fd` is the object's: valid until its `close`. `type` is the `enum bpf_map_type`. */
export interface KernelMap {
  readonly name: string;
  readonly fd: number;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export interface AttachOptions {
  /** Samples a second and CPU of `perf_event` programs. Default 99: out of step with what ticks at 100. */
  readonly frequency?: number | undefined;
}

/** What became of one program. */
export interface Attachment {
  readonly program: string;
  readonly section: string;
  readonly attached: boolean;
  /** Why it is not. */
  readonly reason?: string;
}

const DEFAULT_FREQUENCY = 99;
/** Types of maps whose content is taken out by whoever reads it. */
const STREAMS: ReadonlySet<string> = new Set(['ringbuf', 'user_ringbuf', 'perf_event_array']);

/** Parse an object. Nothing is created in the kernel yet. Damaged bytes are a `BpfError` and never get to libbpf. */
export function openObject(bytes: Uint8Array, options: { readonly name: string }): KernelObject {
  checkSoundness(bytes);
  try {
    return new KernelObject(options.name, addon().openObject(bytes, options));
  } catch (error) {
    throw explainOpen(error, options.name);
  }
}

/**
 * One BPF object: opened, then loaded, then attached; `close` undoes all of it. What `core/bpf` says of the same
 * bytes is their spec; this is what the kernel made of them.
 */
export class KernelObject {
  private readonly links: { close(): void }[] = [];
  private closed = false;

  constructor(
    readonly name: string,
    private readonly native: NativeObject,
  ) {}

  /** Write into global data (`.rodata`) before load. */
  setParam(section: string, offset: number, bytes: Uint8Array): void {
    guarded(() => this.native.setInitialValue(section, offset, bytes));
  }

  /** Before load. */
  setMaxEntries(map: string, entries: number): void {
    guarded(() => this.native.setMaxEntries(map, entries));
  }

  /** `false`: the program is neither loaded nor attached. Before load. */
  setAutoload(program: string, on: boolean): void {
    guarded(() => this.native.setAutoload(program, on));
  }

  /**
   * Maps go on with what is pinned as `folder/NAME`, or are pinned there by the load, and stay so when the object is
   * closed. Only of maps that hold something between two runs; `isKept` may leave out others. Before load.
   */
  keepMaps(folder: string, isKept: (name: string) => boolean): void {
    for (const { name, type, internal } of guarded(() => this.native.maps()))
      if (!internal && !STREAMS.has(mapTypeName(type)) && isKept(name))
        guarded(() => this.native.setPinPath(name, join(folder, name)));
  }

  programs(): KernelProgram[] {
    return guarded(() => this.native.programs());
  }

  /** Create the maps, verify and load the programs. An object that failed to load cannot be loaded again. */
  async load(): Promise<void> {
    try {
      await this.native.load();
    } catch (error) {
      throw explainLoad(error, this.name, this.closed ? [] : this.programs());
    }
  }

  /**
   * Attach every program whose section says what to. Programs that need more than that (an interface, a cgroup)
   * are loaded and left alone. When one fails, those before it are detached again.
   */
  async attachAll(options: AttachOptions = {}): Promise<Attachment[]> {
    const attachments: Attachment[] = [];
    const { links } = this;
    for (const program of this.programs()) {
      const { name, section, autoload } = program;
      if (!autoload) {
        attachments.push({ program: name, section, attached: false, reason: 'it is not to be loaded' });
        continue;
      }
      const reason = unattachable(section);
      if (reason !== undefined) {
        attachments.push({ program: name, section, attached: false, reason });
        continue;
      }
      try {
        if (isTracepoint(section)) ensureTracefs();
        links.push(
          sectionKind(section) === 'perf_event'
            ? await this.native.attachPerfEvent(name, { frequency: options.frequency ?? DEFAULT_FREQUENCY })
            : await this.native.attach(name),
        );
      } catch (error) {
        this.detach();
        throw explainAttach(error, program);
      }
      attachments.push({ program: name, section, attached: true });
    }
    return attachments;
  }

  /** Maps that the object's author defined. After load. */
  maps(): KernelMap[] {
    return guarded(() =>
      this.native
        .maps()
        .filter((map) => !map.internal)
        .map((map) => this.inKernel(map)),
    );
  }

  /** After load. */
  map(name: string): KernelMap {
    const found = guarded(() => this.native.maps()).find((map) => map.name === name);
    if (!found) throw new KernelError('INVALID', `${this.name} has no map ${name}`);
    return guarded(() => this.inKernel(found));
  }

  /**
   * Pin the maps that {@link KernelObject.keepMaps} left out, in place of an earlier run's: a ring has one reader.
   * Returns the paths. After load.
   */
  pinMaps(folder: string): string[] {
    return guarded(() => this.native.maps())
      .filter(({ internal, pinned }) => !internal && !pinned)
      .map(({ name }) => {
        const path = join(folder, name);
        rmSync(path, { force: true });
        pinAt(
          path,
          guarded(() => this.native.mapFd(name)),
        );
        return path;
      });
  }

  /** Pin every program that is loaded as `folder/NAME`, or none; returns the paths. After load. */
  pinPrograms(folder: string): string[] {
    const pinned: string[] = [];
    try {
      for (const { name, autoload } of this.programs()) {
        if (!autoload) continue;
        const path = join(folder, name);
        pinAt(
          path,
          guarded(() => this.native.programFd(name)),
        );
        pinned.push(path);
      }
    } catch (error) {
      for (const path of pinned) rmSync(path, { force: true });
      throw error;
    }
    return pinned;
  }

  /** Run a program on a packet, `repeat` times, without attaching it (BPF_PROG_TEST_RUN). */
  async testRun(
    program: string,
    options: { readonly data: Uint8Array; readonly repeat: number },
  ): Promise<{ retval: number; durationNs: number }> {
    try {
      return await this.native.testRun(program, options);
    } catch (error) {
      return guarded(() => {
        throw error;
      });
    }
  }

  /** Detach every program; maps stay readable until `close`. Idempotent. */
  detach(): void {
    for (const link of this.links.splice(0)) link.close();
  }

  /** Detaches and unloads. Idempotent; in the middle of a load or attach, that call ends first and rejects. */
  close(): void {
    this.closed = true;
    this.native.close();
  }

  private inKernel({ name, type, keySize, valueSize, maxEntries, flags }: NativeMap): KernelMap {
    return { name, fd: this.native.mapFd(name), type, keySize, valueSize, maxEntries, flags };
  }
}

function pinAt(path: string, fd: number): void {
  try {
    addon().pin(fd, path);
  } catch (error) {
    throw explainPin(error, path);
  }
}
