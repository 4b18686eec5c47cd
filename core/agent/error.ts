export type AgentErrorCode =
  | 'ADDRESS_IN_USE'
  | 'BAD_CONFIG'
  | 'LISTEN_FAILED'
  | 'NO_PROBE_RUNNING'
  | 'PROBE_FAILED'
  | 'SINK'
  | 'USAGE';

/** A failure of the agent as a whole, in one sentence that a user can act on. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  /** Where it could not listen, as a user writes it. */
  readonly address: string | undefined;

  constructor(
    readonly code: AgentErrorCode,
    message: string,
    options?: { readonly cause?: unknown; readonly address?: string },
  ) {
    super(message, options);
    this.address = options?.address;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
