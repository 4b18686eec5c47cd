import type { ConfigPath } from '../../../config/index.js';

/** Something in the config that does not fit what it names; `path` says where. */
export interface Problem {
  readonly path: ConfigPath;
  readonly message: string;
}

/** A map that cannot be exported as asked; `key` of its config is at fault. */
export class PlanError extends Error {
  constructor(
    message: string,
    readonly key?: string,
  ) {
    super(message);
  }
}
