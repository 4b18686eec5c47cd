export { PipelineError, type PipelineErrorCode } from './error.js';
export { createIsolatedSink } from './isolate/isolated-sink.js';
export { createOutlet } from './outlet.js';
export { loadSinkModule, type SinkSource } from './sink-module.js';
export type { DeliveryCounts, LossReason, Outlet, OutletOptions } from './types.js';
