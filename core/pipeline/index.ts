export type { BatchLimits } from './batch/assembler.js';
export type { BufferOptions } from './buffer/disk-store.js';
export { cpuTime } from './cpu-time.js';
export { PipelineError, type PipelineErrorCode } from './error.js';
export { createIsolatedSink } from './isolate/isolated-sink.js';
export { createOutlet } from './outlet.js';
export { loadSinkModule, type SinkSource } from './sink-module.js';
export type { WhenFull } from './store.js';
export type { Circuit, DeliveryCounts, LossReason, Outlet, OutletOptions } from './types.js';
