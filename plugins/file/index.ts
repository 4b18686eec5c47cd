import { defineSink } from '../sdk/index.js';
import { openFileSink } from './file-sink.js';
import { type FileOptions, options } from './options.js';

export type { FileOptions };

/** Events as JSON lines in a file that rotates. */
export default defineSink<FileOptions>({
  apiVersion: 1,
  type: 'file',
  accepts: { events: ['ndjson'], metrics: false },
  options,
  open: openFileSink,
});
