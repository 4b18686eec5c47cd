import type { ConfigPath } from '../../../config/index.js';

/** Something in the config that does not fit what it names; `path` says where. */
export interface Problem {
  readonly path: ConfigPath;
  readonly message: string;
}

/** The same, with the name of the probe that it is of. */
export function ofProbe(probe: string, { path, message }: Problem): Problem {
  return { path, message: `probe "${probe}": ${message}` };
}

/** A map that cannot be exported as asked. */
export class PlanError extends Error {
  constructor(
    message: string,
    /** Keys below the map's entry in the config, of what is at fault. */
    readonly at: ConfigPath = [],
    /** Where the one who catches it does not know. */
    readonly map?: string,
  ) {
    super(message);
  }
}

/** Gathers what is wrong, so that one mistake does not hide the next. */
export class Faults {
  readonly errors: unknown[] = [];

  /** Undefined where `make` throws. */
  try<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      this.errors.push(error);
      return undefined;
    }
  }
}
