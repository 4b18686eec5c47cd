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
  constructor(
    readonly code: AgentErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
