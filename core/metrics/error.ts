export type MetricsErrorCode = 'LABEL_COLLISION' | 'FAMILY_CLASH';

/** Metrics that cannot stand beside each other. */
export class MetricsError extends Error {
  override readonly name = 'MetricsError';
  constructor(
    readonly code: MetricsErrorCode,
    message: string,
  ) {
    super(message);
  }
}
