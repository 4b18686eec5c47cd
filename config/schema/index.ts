/*
 * The schema of probes.yaml. An `error` says what is expected, to follow "expected …". What keys say together
 * (exactly one of image and file, names that are unique) is in rules.ts, so that it is checked in a file that has
 * other errors as well.
 */
export type { RegistryEntry } from './agent.js';
export type { RetryEntry } from './delivery.js';
export { type ConfigFile, fileSchema } from './file.js';
export type { MapEntry } from './map.js';
export { isName } from './names.js';
export type { ProbeEntry } from './probe.js';
export { type SinkEntry, sinkSchema } from './sink.js';
export type { VerifyEntry } from './verify.js';
