import type { KeyValue } from './value.js';

/** What is sent of events, as the OTLP messages have it (logs.proto 1.x), before it is written. */
export interface Resource {
  readonly attributes: readonly KeyValue[];
}

export interface Scope {
  readonly name: string;
  readonly version?: string;
}

export interface LogRecord {
  /** Unix ns. */
  readonly time: bigint;
  readonly observed: bigint;
  readonly body: string;
  readonly attributes: readonly KeyValue[];
}

export interface LogsRequest {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly records: readonly LogRecord[];
}
