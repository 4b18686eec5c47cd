/** What an object says of itself, as plain data: shown by `describe`, recorded in an image's config by `build`. */
export { encodeRecord, readRecord } from './record.js';
export {
  type FieldSummary,
  type MapSummary,
  type ObjectSummary,
  type ParamSummary,
  type ProgramSummary,
  summarise,
} from './summary.js';
