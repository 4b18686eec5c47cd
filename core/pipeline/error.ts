export type PipelineErrorCode = 'SINK_MODULE' | 'SINK_SHAPE' | 'SINK_WORKER' | 'TIMEOUT';

/** A sink that cannot be used, or did not answer. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';
  constructor(
    readonly code: PipelineErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
