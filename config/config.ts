/**
 * What a user wrote in `probes.yaml`, validated, with variables expanded, durations in ms, paths absolute.
 * Names are those of the file, in camelCase. Nothing injected by the host is here.
 */
export interface Config {
  readonly probes: readonly ProbeConfig[];
  /** By name, in the order of the file. Without `sinks:` in the file: `stdout` and `prometheus` with their defaults. */
  readonly sinks: Readonly<Record<string, SinkConfig>>;
  readonly agent: AgentConfig;
}

export interface ProbeConfig {
  /** Unique. Default: last path segment of the reference, without tag and digest; or the file's name without its extension. */
  readonly name: string;
  readonly source: { readonly image: string } | { readonly file: string };
  readonly pull: 'always' | 'missing' | 'never';
  /** The probe's own or the agent's; absent: signatures are not looked at. Never for a `file`. */
  readonly verify?: VerifyConfig;
  /** Values as the user wrote them: checked against BTF later. */
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly maps: Readonly<Record<string, MapConfig>>;
  /** Names of sinks; absent: every sink that accepts what the probe makes. */
  readonly sinks?: readonly string[];
  /** Options of `perf_event` programs: samples a second and CPU. Default 99. */
  readonly frequency: number;
}

export interface VerifyConfig {
  /** Paths of public keys, absolute, at least one: a signature by any of them is enough. */
  readonly keys: readonly string[];
  /** `false`: warn of an image without one. Default true. */
  readonly require: boolean;
}

/** bigint for integers beyond 2^53. */
export type ParamValue = number | bigint | string | boolean;

export type ExportKind = 'event' | 'counter' | 'gauge' | 'histogram' | 'none';

export interface MapConfig {
  readonly export?: ExportKind;
  /** Source text; its syntax is checked when the map's type is known, and for syntax already by `--check`. */
  readonly filter?: string;
  /** Field path with dots: `delta_us`, `key.le`, `addr.port`. */
  readonly value?: string;
  readonly labels?: readonly string[];
  /** Counter or histogram of a ring: fields of its exemplars. */
  readonly exemplar?: readonly string[];
  /** Ascending upper bounds, in the field's own unit. */
  readonly buckets?: readonly number[];
  /**
   * Histogram hash: how the key's last field becomes an upper bound. Default `linear`: it is the bound. `log2`: slot n
   * ends at 2^(n+1)-1. Histogram ring: `exponential`, instead of `buckets`.
   */
  readonly scale?: 'linear' | 'log2' | 'exponential';
  /** ms between reads of a hash or array map. Default: 1000 for events; series are read when they are collected, and not more often. */
  readonly interval?: number;
  /** Default 10000. */
  readonly maxSeries: number;
  /** Family name instead of the one made from the map's name. */
  readonly metric?: string;
  /** HELP text. */
  readonly help?: string;
  /** Field that holds the record's own time. */
  readonly timestamp?: string;
  /** `struct T`: record type of a ring that names none. */
  readonly type?: string;
  /** ms without an update after which a ring's series goes. */
  readonly expire?: number;
}

export interface SinkConfig {
  readonly name: string;
  /** Built-in type, package name, or absolute path (`./x.js` resolved against the config file). */
  readonly type: string;
  /** Where a custom sink runs; `false`: on the main thread. Default process; built-in sinks never run isolated. */
  readonly isolate: 'process' | 'thread' | false;
  /** ms between two metric writes; absent: the sink's own default. */
  readonly interval?: number;
  readonly queue: QueueConfig;
  /** Absent: the sink's own. */
  readonly batch?: BatchConfig;
  /** Absent: what waits is in memory only. */
  readonly buffer?: BufferConfig;
  /** Everything else the user wrote in the sink's entry: validated by the sink's own schema. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface QueueConfig {
  /** Default 1000. */
  readonly maxBatches: number;
  /** Default 64 MiB. */
  readonly maxBytes: number;
  /** What a full queue does with one more batch. Default `drop_newest`. */
  readonly whenFull: 'drop_newest' | 'drop_oldest' | 'block';
  /** Writes at once; absent: what the sink declares. */
  readonly concurrency?: number;
  /** ms an attempt. Default 10000. */
  readonly timeout: number;
  /** ms from its first attempt until a batch is given up; 0: never. Default 300000, or 0 with a buffer. */
  readonly maxElapsed: number;
  readonly retry: RetryConfig;
}

/** Pauses after failed attempts. */
export interface RetryConfig {
  /** ms before the first repetition. Default 1000. */
  readonly initial: number;
  /** ms at most. Default 30000, or `initial` where that is more. */
  readonly max: number;
  /** Each pause is so many times the one before. Default 1.5. */
  readonly multiplier: number;
}

/** What is left out is the sink's own, or the host's default. */
export interface BatchConfig {
  readonly maxEvents?: number;
  readonly maxBytes?: number;
  /** ms that the first event of a batch waits for others. */
  readonly maxWait?: number;
}

export interface BufferConfig {
  /** Absolute. */
  readonly path: string;
  /** Bytes. Default 1 GiB. */
  readonly maxSize: number;
  /** Default `interval`: every second. */
  readonly fsync: 'always' | 'interval' | 'never';
}

export interface AgentConfig {
  readonly listen: ListenAddress;
  /** Decode workers. Default: min(2, CPUs). */
  readonly workers: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Repositories that images may come from: `HOST/REPOSITORY`, `HOST/PATH/*`, `HOST/*`. Absent: all. */
  readonly allow?: readonly string[];
  /** By host, lower case, with a port where it has one. Absent ones: TLS by the machine's authorities; HTTP on loopback. */
  readonly registries: Readonly<Record<string, RegistryConfig>>;
  /** ms that a pull may take. Default 120000. */
  readonly pullTimeout: number;
  /** Image store. Default: `BEE_STORAGE`, then `~/.bumblebee/store`. */
  readonly storage?: string;
}

export interface RegistryConfig {
  /** HTTP without TLS; `false`: TLS on loopback, too. */
  readonly plainHttp?: boolean;
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** PEM file of further certificate authorities, absolute. */
  readonly caFile?: string;
}

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Keys of the file, from the root: `['probes', 0, 'maps', 'print_events', 'filter']`. Names as in the file. */
export type ConfigPath = readonly (string | number)[];

export interface Position {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Absolute path of the file. */
  readonly file: string;
  /** Where the value at `path` stands; its nearest written ancestor when it is a default. For messages made later. */
  locate(path: ConfigPath): Position;
}
