/** Which part of a sink is wrong. `sink`: what `open()` gave. */
export type SinkDefinitionPart =
  | 'definition'
  | 'apiVersion'
  | 'type'
  | 'accepts'
  | 'options'
  | 'concurrency'
  | 'maxConcurrency'
  | 'batch'
  | 'interval'
  | 'open'
  | 'sink';

/** A sink that does not keep the shape of the contract. The message says what is wrong and what was expected. */
export class SinkDefinitionError extends Error {
  override readonly name = 'SinkDefinitionError';

  constructor(
    readonly part: SinkDefinitionPart,
    message: string,
  ) {
    super(message);
  }
}
