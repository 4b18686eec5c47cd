import { join } from 'node:path';
import { annotation, type Descriptor, parseDescriptor } from './descriptor.js';
import { OciError } from './error.js';
import { readRegularFile } from './files.js';
import { decodeJson, encodeJson, isRecord } from './json.js';
import { MAX_STORE_INDEX } from './limits.js';
import { REF_NAME } from './media-types.js';

/** `index.json` of an OCI image layout (image-layout.md), kept as it was read: what we do not know survives a write. */
export interface StoreIndex {
  readonly document: Readonly<Record<string, unknown>>;
  readonly entries: readonly IndexEntry[];
}

export interface IndexEntry {
  /** `org.opencontainers.image.ref.name`; an entry may have none. */
  readonly name: string | undefined;
  readonly descriptor: Descriptor;
  /** As it stands in the file. */
  readonly raw: unknown;
}

export const EMPTY_INDEX: StoreIndex = { document: { schemaVersion: 2 }, entries: [] };

/** A store without the file is an empty one. `INVALID_STORE` names the file when it is damaged. */
export async function readStoreIndex(folder: string): Promise<StoreIndex> {
  const path = indexPath(folder);
  const bytes = await readRegularFile(path, MAX_STORE_INDEX);
  if (bytes === undefined) return EMPTY_INDEX;
  let document: unknown;
  try {
    document = decodeJson(bytes);
  } catch (cause) {
    throw new OciError('INVALID_STORE', `${path} is damaged: not JSON`, { cause });
  }
  if (!isRecord(document) || document.schemaVersion !== 2) {
    throw new OciError('INVALID_STORE', `${path} is damaged: not an OCI image index (schemaVersion 2)`);
  }
  // Go writes `null` for a list that is empty.
  const manifests = document.manifests ?? [];
  if (!Array.isArray(manifests))
    throw new OciError('INVALID_STORE', `${path} is damaged: "manifests" is not a list`);
  return { document, entries: manifests.map((raw, n) => parseEntry(raw, path, n)) };
}

export function indexPath(folder: string): string {
  return join(folder, 'index.json');
}

export function encodeStoreIndex(index: StoreIndex): Uint8Array {
  return encodeJson({ ...index.document, manifests: index.entries.map((entry) => entry.raw) });
}

/** The index with `name` standing for `descriptor`, in the place where `name` stood. */
export function withEntry(index: StoreIndex, name: string, descriptor: Descriptor): StoreIndex {
  const entry = namedEntry(name, descriptor);
  const at = index.entries.findIndex((known) => known.name === name);
  const others = index.entries.filter((known, n) => known.name !== name || n === at);
  return {
    document: index.document,
    entries: at < 0 ? [...others, entry] : others.map((known) => (known.name === name ? entry : known)),
  };
}

/** The index without `name`. */
export function withoutEntry(index: StoreIndex, name: string): StoreIndex {
  return { document: index.document, entries: index.entries.filter((entry) => entry.name !== name) };
}

/** Annotations of the descriptor stay, except for a name of its own; keys in the order in which Go writes them. */
function namedEntry(name: string, descriptor: Descriptor): IndexEntry {
  const { mediaType, digest, size, annotations, platform } = descriptor;
  const merged = Object.entries({ ...annotations, [REF_NAME]: name }).sort(([a], [b]) => (a < b ? -1 : 1));
  const raw: Descriptor = {
    mediaType,
    digest,
    size,
    annotations: Object.fromEntries(merged),
    ...(platform === undefined ? {} : { platform }),
  };
  return { name, descriptor: raw, raw };
}

function parseEntry(raw: unknown, path: string, n: number): IndexEntry {
  try {
    const descriptor = parseDescriptor(raw, `manifests[${n}]`);
    return { name: annotation(descriptor.annotations, REF_NAME), descriptor, raw };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OciError('INVALID_STORE', `${path} is damaged: ${why}`, { cause });
  }
}
