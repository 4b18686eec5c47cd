import type { KeyValue } from './value.js';

/** What stands around all that is sent, as the OTLP messages have it (1.x), before it is written. */
export interface Resource {
  readonly attributes: readonly KeyValue[];
}

export interface Scope {
  readonly name: string;
  readonly version?: string;
}

export interface Origin {
  readonly resource: Resource;
  readonly scope: Scope;
}

/** SEVERITY_NUMBER_INFO of logs.proto: what a probe reports is neither an error nor a debugging aid by itself. */
export const SEVERITY_INFO = 9;
