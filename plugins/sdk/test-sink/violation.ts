/** The rules of the sink contract that can be seen from outside. */
export type SinkRule =
  /** The definition has the wrong shape, or says different things when asked twice. */
  | 'definition'
  /** The options that the test gave were refused. */
  | 'options'
  /** `open` threw, did not answer, or gave no sink of the promised shape; or did so after a `close`. */
  | 'open'
  /** A form was read that `accepts.events` does not declare. */
  | 'undeclared-form'
  /** A batch is shared with other sinks, and was changed. */
  | 'changed-batch'
  /** A write threw. The host would try again; a sink says so itself. */
  | 'throw'
  /** A write answered something that is no result. */
  | 'result'
  /** A write did not answer in time. */
  | 'unanswered'
  /** A write went on after its signal. */
  | 'ignored-signal'
  /** The destination is there, and yet the batch was not delivered. */
  | 'not-delivered'
  /** A write after `close` was answered with `ok`. */
  | 'write-after-close'
  /** `reopen` threw or did not answer. */
  | 'reopen'
  /** `flush` threw or did not answer. */
  | 'flush'
  /** `close` threw or did not answer. */
  | 'close'
  /** The second `close` threw or did not answer. */
  | 'double-close'
  /** `fetch` threw, did not answer, or gave no response. */
  | 'fetch'
  /** A metric of the sink's own with a bad name or value. */
  | 'telemetry';

export interface Violation {
  readonly rule: SinkRule;
  /** What was seen, and what the contract asks for. */
  readonly message: string;
}

/** Thrown by `testSink`: every rule that the sink breaks. */
export class SinkContractError extends Error {
  override readonly name = 'SinkContractError';

  constructor(
    type: string,
    readonly violations: readonly Violation[],
  ) {
    const lines = violations.map(({ rule, message }) => `  ${rule}: ${message}`);
    super(`the sink "${type}" breaks its contract:\n${lines.join('\n')}`);
  }
}
