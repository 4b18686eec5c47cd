export { sinkViolations, type TestSinkSettings, testSink } from './suite.js';
export { SinkContractError, type SinkRule, type Violation } from './violation.js';
