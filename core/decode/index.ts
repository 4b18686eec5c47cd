export { compilePlan, type Decoder } from './compile.js';
export { DecodeError, type DecodeErrorCode } from './error.js';
export { type Filter, parseFilter } from './filter/parse.js';
export { entryLayout, findLeaf, firstTimestamp, type Leaf, scalarLeaves } from './leaves.js';
export { MapSource, type MapSourceOptions } from './map-source.js';
export type * from './plan.js';
export { DecodePool } from './pool.js';
export { RingSource, type RingSourceOptions } from './ring-source.js';
export type { DrainResult, Lines, ReadResult } from './tasks.js';
