export * from './batch.js';
export * from './columns.js';
export * from './form-error.js';
export * from './metrics.js';
export type { FieldValue, Row } from './row.js';
export * from './sink.js';
export { formatTimestamp } from './timestamp.js';
