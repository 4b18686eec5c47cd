import { type Descriptor, parseDescriptor } from './descriptor.js';
import type { Blob } from './image.js';
import { decodeJson, isRecord } from './json.js';

/** What a manifest says that it refers to (image spec 1.1, manifest.md). Throws `INVALID_MANIFEST`. */
export function subjectOf({ descriptor, bytes }: Blob): Descriptor | undefined {
  const document = decodeJson(bytes);
  if (!isRecord(document) || document.subject === undefined || document.subject === null) return undefined;
  return parseDescriptor(document.subject, `manifest ${descriptor.digest}: subject`);
}
