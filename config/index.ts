export { parseByteSize } from './byte-size.js';
export * from './config.js';
export { formatDuration, parseDuration } from './duration.js';
export {
  ConfigError,
  type ConfigErrorCode,
  type ConfigProblem,
  type ProblemCode,
  renderPath,
  renderPosition,
} from './error.js';
export type { Environment } from './expand.js';
export { findConfig } from './find.js';
export { configJsonSchema } from './json-schema.js';
export { knownKeys } from './known-keys.js';
export { parseListen } from './listen-address.js';
export { type LoadOptions, loadConfig, parseConfig } from './load.js';
export { sinkSchema } from './schema/index.js';
export { suggest } from './suggest.js';
export { requireTrusted } from './trust.js';
