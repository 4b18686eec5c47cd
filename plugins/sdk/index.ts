export * from './batch.js';
export * from './columns.js';
export * from './metrics.js';
export * from './sink.js';
