import type { Layout } from './layout.js';

/** What an ELF object says, and nothing that a kernel did with it. Deterministic for the same bytes. */
export interface ObjectSpec {
  /** `license` section, without its NUL; empty when missing. */
  readonly license: string;
  readonly programs: readonly ProgramSpec[];
  readonly maps: readonly MapSpec[];
  /** `const volatile` globals of `.rodata`, by name. */
  readonly params: readonly ParamSpec[];
}

export interface ProgramSpec {
  /** Name of the C function. */
  readonly name: string;
  /** ELF section, which says what libbpf attaches it to: `tracepoint/sched/sched_process_exec`. */
  readonly section: string;
}

export interface MapSpec {
  readonly name: string;
  /** ELF section: `.maps`, or BumbleBee's `.maps.print`, `.maps.counter`, … up to 0.0.14. */
  readonly section: string;
  /** `enum bpf_map_type`, lower case without its prefix: `ringbuf`, `hash`, `lru_hash`, `percpu_hash`, `array`, …; `type <n>` when unknown. */
  readonly type: string;
  readonly maxEntries: number;
  readonly flags: number;
  /** Bytes; 0 where the map has none (ring buffer). */
  readonly keySize: number;
  readonly valueSize: number;
  readonly key?: Layout;
  /** For a ring buffer: the record, from `__type(value, struct T)`. */
  readonly value?: Layout;
  /** Why `key` or `value` is absent although the object names its type: it is larger than a layout may be. */
  readonly undecodable?: string;
  /**
   * Position in the object, over all maps: by section, then by offset. clang places maps that are defined without
   * an initialiser in the order of their first use in the code, and those with one (`= {}`) in the order of their
   * definition, before the others. Nothing in the object tells the order of the source.
   */
  readonly index: number;
  /** By name prefix or section, see {@link exportKindOf}. */
  readonly kind: MapKind;
}

/** What BumbleBee's convention makes of a map; `none` for a map that says nothing. */
export type MapKind = 'print' | 'counter' | 'gauge' | 'hist' | 'none';

export interface ParamSpec {
  readonly name: string;
  /** The map that holds it, as libbpf names it: `.rodata`. */
  readonly section: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly layout: Layout;
  /** Initial value, `layout.size` bytes. */
  readonly initial: Uint8Array;
}
