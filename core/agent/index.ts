export { Agent, type AgentOptions } from './agent.js';
export { AgentError, type AgentErrorCode } from './error.js';
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.js';
export { planParams } from './plan/params.js';
export type { AgentStatus, MapStatus, ProbeStatus, SinkStatus } from './status.js';
export { later } from './timer.js';
export { readVerifyKeys } from './verify-keys.js';
