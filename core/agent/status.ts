/** What `/readyz`, `/api/v1/probes` and the status page show. */
export interface AgentStatus {
  /** At least one probe runs, and every other runs, has failed or waits for its registry. */
  readonly ready: boolean;
  readonly version: string;
  /** ISO 8601. */
  readonly started: string;
  readonly probes: readonly ProbeStatus[];
  readonly sinks: readonly SinkStatus[];
}

export interface ProbeStatus {
  readonly name: string;
  /** Reference or file, as configured. */
  readonly source: string;
  readonly digest?: string;
  /** `pulling`: a registry is asked for the image, or for its signatures. */
  readonly state: 'starting' | 'pulling' | 'running' | 'failed' | 'stopped';
  readonly error?: string;
  /** ISO 8601, where `failed`. */
  readonly retryAt?: string;
  /** `notAttached`: why a program of a probe that runs is not. */
  readonly programs: readonly {
    readonly name: string;
    readonly section: string;
    readonly notAttached?: string;
  }[];
  readonly maps: readonly MapStatus[];
  readonly sinks: readonly string[];
}

export interface MapStatus {
  readonly name: string;
  readonly type: string;
  readonly export: string;
  readonly records: number;
  readonly filtered: number;
  readonly lost: Readonly<Record<string, number>>;
}

export interface SinkStatus {
  readonly name: string;
  readonly type: string;
  readonly state: string;
  /** Whether attempts are made: `open`, they wait until `retryAt` (ISO 8601) after so many failures in a row. */
  readonly circuit: {
    readonly state: 'closed' | 'open' | 'half_open';
    readonly failures: number;
    readonly retryAt?: string;
  };
  readonly error?: string;
  readonly received: number;
  /** Of these, from the disk buffer of an earlier run. */
  readonly recovered: number;
  readonly delivered: number;
  readonly queued: number;
  readonly lost: Readonly<Record<string, number>>;
}
