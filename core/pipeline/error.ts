export type PipelineErrorCode =
  | 'SINK_MODULE'
  | 'SINK_SHAPE'
  | 'SINK_WORKER'
  | 'BUFFER'
  | 'TIMEOUT'
  | 'STOPPED';

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

/** Characters of an error's text that are kept: some hold a whole response, or a batch. */
const MOST_TEXT = 2_000;

/** Of anything that can be thrown. */
export function messageOf(error: unknown): string {
  const text = textOf(error);
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text;
}

function textOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  try {
    return String(error);
  } catch {
    return 'something that cannot be shown was thrown';
  }
}
