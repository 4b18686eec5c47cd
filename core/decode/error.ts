export type DecodeErrorCode = 'FILTER_SYNTAX' | 'FILTER_TYPE' | 'UNKNOWN_FIELD' | 'BAD_PLAN' | 'LAYOUT';

/** A filter or plan that makes no sense. `column` (from 1) is a place in the filter's text. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  constructor(
    readonly code: DecodeErrorCode,
    message: string,
    readonly column?: number,
  ) {
    super(column === undefined ? message : `${message} (column ${column})`);
  }
}
