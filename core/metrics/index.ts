export { MetricsError, type MetricsErrorCode } from './error.js';
export { renderLabels } from './labels.js';
export { type FamilyName, labelNames, metricName } from './naming.js';
export { type SeriesHandle, type SeriesSource, SeriesStore } from './store.js';
