import { type Digest, isDigest, quote } from './digest.js';
import { OciError } from './error.js';
import { isRecord } from './json.js';
import type { Platform } from './platform.js';

/** OCI image spec, descriptor.md. Properties in the order in which Go's struct writes them. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Annotations;
  readonly platform?: Platform;
}

export type Annotations = Readonly<Record<string, string>>;

/** Check untrusted JSON. Properties that we do not know are left out. `where` names it in the message. */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isRecord(value)) throw invalid(where, 'not an object');
  const { mediaType, digest, size, annotations, platform } = value;
  if (typeof mediaType !== 'string' || mediaType === '') throw invalid(where, 'mediaType is missing');
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw invalid(where, `${quote(String(digest))} is not a sha256 or sha512 digest`);
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(where, `size ${quote(String(size))} is not a number of bytes`);
  }
  return {
    mediaType,
    digest,
    size,
    ...optional('annotations', parseAnnotations(annotations, where)),
    ...optional('platform', parsePlatform(platform, where)),
  };
}

/** String to string; `null` is what Go writes for an empty map. */
export function parseAnnotations(value: unknown, where: string): Annotations | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw invalid(where, 'annotations are not an object');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalid(where, `annotation ${quote(key)} is not a string`);
  }
  return value as Annotations;
}

/** Read an annotation without reaching into `Object.prototype`. */
export function annotation(annotations: Annotations | undefined, key: string): string | undefined {
  return annotations !== undefined && Object.hasOwn(annotations, key) ? annotations[key] : undefined;
}

function parsePlatform(value: unknown, where: string): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw invalid(where, 'platform is not an object');
  const text = (key: string): string | undefined => {
    const part = Object.hasOwn(value, key) ? value[key] : undefined;
    if (part !== undefined && typeof part !== 'string')
      throw invalid(where, `platform.${key} is not a string`);
    return part;
  };
  return {
    architecture: text('architecture') ?? '',
    os: text('os') ?? '',
    ...optional('os.version', text('os.version')),
    ...optional('variant', text('variant')),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function invalid(where: string, why: string): OciError {
  return new OciError('INVALID_MANIFEST', `${where}: ${why}`);
}
