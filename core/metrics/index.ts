export { MetricsError, type MetricsErrorCode } from './error.js';
export { type ExponentialLayout, exponentialLayout } from './exponential.js';
export { labelNames, renderLabels, sanitiseName } from './labels.js';
export { type FamilyName, metricName } from './naming.js';
export { familyClash, type SeriesSource } from './source.js';
export { type SeriesHandle, SeriesStore } from './store.js';
