/** `plan`: the plan contradicts itself or its layout. `limit`: it asks for more than is generated. `filter-*`: the filter's text. */
export type DecodeErrorCode = 'plan' | 'limit' | 'filter-syntax' | 'filter-field' | 'filter-type';

/** A plan or a filter that cannot be compiled. Decoding itself throws none: bytes are never wrong, only too few. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';

  constructor(
    readonly code: DecodeErrorCode,
    message: string,
    /** Of the filter's text, from 1. Its message begins with it. */
    readonly column?: number,
  ) {
    super(column === undefined ? message : `filter, column ${column}: ${message}`);
  }
}
