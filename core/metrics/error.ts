export type MetricsErrorCode = 'LABEL_COLLISION' | 'FAMILY_CLASH' | 'BAD_NAME';

/** Metrics that cannot stand beside each other, or cannot be called so. */
export class MetricsError extends Error {
  override readonly name = 'MetricsError';
  constructor(
    readonly code: MetricsErrorCode,
    message: string,
  ) {
    super(message);
  }
}
