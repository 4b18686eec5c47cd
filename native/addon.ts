import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The contract of the C++ addon (`native/src`), which is a thin layer over libbpf and the BPF ring buffer's
 * memory. Only `core/kernel` imports it.
 *
 * Every failure throws (or rejects with) a {@link NativeError}. Handles are bound to the environment (thread)
 * that made them; all are closed by its clean-up hooks, children before parents. `close()` is idempotent; any
 * other call on a closed handle throws code `CLOSED`.
 */
export interface NativeAddon {
  /** `1.1` */
  libbpfVersion(): string;
  /** Parse an ELF object with libbpf. Nothing is created in the kernel yet. Copies `bytes`. */
  openObject(bytes: Uint8Array, options: { name: string }): NativeObject;
  /** Offsets of CLOCK_REALTIME from CLOCK_MONOTONIC and CLOCK_BOOTTIME, ns: unix = clock + offset. */
  clockOffsets(): { ktime: bigint; boottime: bigint };
  /** C header with every type of a BTF file (default: the running kernel's), as `bpftool btf dump format c` prints it. */
  dumpBtfHeader(path?: string): string;
  /** BPF_OBJ_PIN (kernel 4.4): `fd` of a map or program, `path` that is not there yet in a BPF file system. */
  pin(fd: number, path: string): void;
  /**
   * One epoll thread. `onReady` is called on the environment's thread with the ids of rings that became
   * readable; each is disarmed until {@link NativePoller.arm}. Every `interval` ms the thread looks at the
   * positions of all armed rings as well, for records that were submitted without a wake-up. Does not keep the
   * event loop alive.
   */
  createPoller(onReady: (ids: Uint32Array) => void, options: { interval: number }): NativePoller;
  /** The owner's side of a ring: maps its consumer and producer pages. Duplicates `fd`. */
  createRingOwner(fd: number): NativeRingOwner;
  /** The reader's side of a ring, in a worker: maps the data (read-only). Duplicates `fd`. */
  createRingReader(fd: number): NativeRingReader;
  /** A reader of a hash, LRU hash, array or per-CPU map, or its kin. Duplicates `fd`. */
  createMapReader(fd: number): NativeMapReader;
}

/** `message` is one sentence. `log` is what libbpf said during this call; `verifierLog` the verifier's, if it ran. */
export interface NativeError extends Error {
  code: string; // errno name (`EPERM`, `ENOENT`, …), libbpf's `EFORMAT`, `EENDIAN`, `ERELOC`, or `CLOSED`, `INVALID`
  errno?: number;
  log?: string;
  verifierLog?: string;
}

export interface NativeProgram {
  name: string;
  section: string;
  /** `tracepoint`, `raw_tracepoint`, … as libbpf names program types. */
  type: string;
  /** `false`: neither loaded nor attached (`SEC("?…")`, or by `setAutoload`). `section` has no `?`. */
  autoload: boolean;
}

export interface NativeMap {
  name: string;
  /** `enum bpf_map_type` number. */
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  /** Global data and the like, made by libbpf; `name` is then its section: `.rodata`, `.bss`, `.data`. */
  internal: boolean;
  /** By {@link NativeObject.setPinPath}; known after load. */
  pinned: boolean;
}

export interface NativeObject {
  programs(): NativeProgram[];
  maps(): NativeMap[];
  /** Write into the initial value of `.rodata` (named by its section) before load. */
  setInitialValue(section: string, offset: number, bytes: Uint8Array): void;
  /** Before load. */
  setMaxEntries(map: string, entries: number): void;
  /** `false`: the program is neither loaded nor attached. Before load. */
  setAutoload(program: string, on: boolean): void;
  /** The load takes the map that is pinned there, if it is of the same kind and size, or pins its own. Before load. */
  setPinPath(map: string, path: string): void;
  /** Create maps, load programs, off the main thread. A ring buffer's `__type(value, …)` is cleared first. */
  load(): Promise<void>;
  /** Attach one program as its section says, off the main thread. The object keeps the link, not who holds the handle. */
  attach(program: string): Promise<NativeLink>;
  /** Attach a `perf_event` program to a software CPU clock on every online CPU. */
  attachPerfEvent(program: string, options: { frequency: number }): Promise<NativeLink>;
  /** Program's descriptor, for BPF_PROG_TEST_RUN in tests. Owned by the object. */
  programFd(name: string): number;
  /** Owned by the object: valid until its `close`. */
  mapFd(name: string): number;
  /** BPF_PROG_TEST_RUN with `data` as the packet, off the main thread. For tests and benches. */
  testRun(
    program: string,
    options: { data: Uint8Array; repeat: number },
  ): Promise<{ retval: number; durationNs: number }>;
  /** Detaches every link, unloads. In the middle of a load or attach: when that call ends; its promise then rejects with `CLOSED`. */
  close(): void;
}

export interface NativeLink {
  /** Detaches. */
  close(): void;
}

export interface NativePoller {
  /** Watch a ring under an id that is never reused. Armed from the start. Duplicates `fd`. */
  add(id: number, fd: number): void;
  /** Report once more when readable (EPOLLONESHOT re-armed): at once, if it is readable now. */
  arm(id: number): void;
  /**
   * Report once more when the ring has `fill` unreleased bytes, looked at every few milliseconds, or when
   * `longest` ms have passed, records or none.
   */
  nap(id: number, longest: number, fill: number): void;
  /** After this returns, `onReady` is not called with `id` any more. */
  remove(id: number): void;
  close(): void;
}

export interface NativeRingOwner {
  /** Data bytes; a power of two. */
  readonly size: number;
  /** Consumer and producer positions, bytes since creation (acquire loads). */
  positions(): { consumer: number; producer: number };
  /** Release store of the consumer position. Refuses to go back, or beyond the producer. */
  release(position: number): void;
  close(): void;
}

export interface NativeRingReader {
  readonly size: number;
  /**
   * The data pages, mapped twice in a row so that no record wraps: 2 × size bytes. An external ArrayBuffer,
   * detached (length 0) by `close()`.
   */
  readonly memory: ArrayBuffer;
  /**
   * Walk the records from `from` (a consumer position) without releasing any. Fills `offsets` (first byte of
   * each record in `memory`) and `lengths`; skips discarded records; stops at a busy one, at
   * `offsets.length` records or at `maxBytes`.
   */
  peek(from: number, offsets: Uint32Array, lengths: Uint32Array, maxBytes: number): RingPeek;
  close(): void;
}

export interface RingPeek {
  /** Records in the tables. */
  count: number;
  discarded: number;
  /** Bytes of the shortest record in the tables; 2^32 - 1 when there is none. */
  shortest: number;
  /** Position after the last record walked: what to release, and where to go on. */
  next: number;
  /** Producer's position when the walk began. */
  producer: number;
  /** The walk ended at a record that is reserved and not submitted. */
  busy: boolean;
}

export interface NativeMapReader {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Possible CPUs for a per-CPU map, else 1. */
  readonly valuesPerKey: number;
  /** Bytes of one entry in the buffer: key padded to 8, then `valuesPerKey` values, each padded to 8. */
  readonly stride: number;
  /**
   * Read every entry (BPF_MAP_LOOKUP_BATCH where the kernel has it for this type, else get_next_key + look-up).
   * The returned bytes are valid until the next `read` or `close`. `truncated`: stopped at `maxEntries`.
   */
  read(options: { maxEntries: number }): { bytes: ArrayBuffer; count: number; truncated: boolean };
  close(): void;
}

/** The `native/` folder: beside this file in a checkout, beside `dist/` when compiled. */
function nativeFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'binding.gyp'))) {
    if (existsSync(join(folder, 'native', 'binding.gyp'))) return join(folder, 'native');
    const parent = dirname(folder);
    if (parent === folder) throw new Error('native/ not found: the installation of bee-agent is incomplete');
    folder = parent;
  }
  return folder;
}

/** Load the addon: a prebuild, or what `npm run build:native` made. Throws when neither is there. */
export function loadAddon(): NativeAddon {
  const require = createRequire(import.meta.url);
  const load = require('node-gyp-build') as (folder: string) => NativeAddon;
  return load(nativeFolder());
}
