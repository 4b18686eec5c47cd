import { parseAnnotations } from '../descriptor.js';
import { type Digest, digestOf, digestParts } from '../digest.js';
import { OciError } from '../error.js';
import type { Blob } from '../image.js';
import { decodeJson, encodeJson, isRecord } from '../json.js';
import { MAX_DESCRIPTORS } from '../limits.js';
import { INDEX } from '../media-types.js';
import type { NetworkReference } from '../reference.js';
import type { Connection } from './connection.js';
import { downloadManifest } from './download.js';
import { uploadManifest } from './upload.js';

/*
 * The tag that stands in for the referrers API where a registry has none: an index of what refers to a manifest, kept
 * by those who push (distribution spec 1.1, "Referrers Tag Schema").
 */

/** As cosign and oras name it; a sha512 is cut so that it fits in a tag. */
export function referrersTag(subject: Digest): string {
  const { algorithm, hex } = digestParts(subject);
  return `${algorithm}-${hex.slice(0, 64)}`;
}

/** Entries of the index under the tag, as they were sent: not checked. None where there is no such tag. */
export async function readReferrersTag(
  connection: Connection,
  network: NetworkReference,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly unknown[]> {
  const { manifests } = await readIndex(connection, network, subject, signal);
  return Array.isArray(manifests) ? manifests : [];
}

/**
 * Add a manifest to the index under its subject's tag; what others wrote there stays. Two who do so at the same moment
 * may lose one of both: registries of that age have no conditional requests.
 */
export async function addToReferrersTag(
  connection: Connection,
  network: NetworkReference,
  subject: Digest,
  referrer: Blob,
  signal: AbortSignal | undefined,
): Promise<void> {
  const tag = referrersTag(subject);
  const where = `${network.registry}/${network.repository}:${tag}`;
  const index = await readIndex(connection, network, subject, signal);
  const listed = index.manifests ?? [];
  if (!Array.isArray(listed))
    throw new OciError(
      'INVALID_MANIFEST',
      `${where} is no index of referrers, and is not overwritten: its manifests are no list`,
    );
  const { digest } = referrer.descriptor;
  if (listed.some((entry) => isRecord(entry) && entry.digest === digest)) return;
  if (listed.length >= MAX_DESCRIPTORS)
    throw new OciError('TOO_LARGE', `${where} lists ${listed.length} referrers already: no more are added`);
  const bytes = encodeJson({ ...index, manifests: [...listed, entryOf(referrer)] });
  const descriptor = { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length };
  await uploadManifest(connection, network, { descriptor, bytes }, tag, signal);
}

async function readIndex(
  connection: Connection,
  network: NetworkReference,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown>> {
  const tag = referrersTag(subject);
  const refuse = (why: string) =>
    new OciError(
      'INVALID_MANIFEST',
      `${network.registry}/${network.repository}:${tag} is no index of referrers: ${why}`,
    );
  try {
    const { bytes, mediaType } = await downloadManifest(connection, network, tag, signal);
    if (mediaType !== INDEX) throw refuse(`it is a ${mediaType}`);
    const document = parsed(bytes);
    if (!isRecord(document)) throw refuse('it is not a JSON object');
    return document;
  } catch (error) {
    if (error instanceof OciError && error.code === 'NOT_FOUND')
      return { schemaVersion: 2, mediaType: INDEX, manifests: [] };
    throw error;
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return decodeJson(bytes);
  } catch {
    return undefined;
  }
}

/** What the API would tell of a referrer: its type, which is its config's where it names none, and its annotations. */
function entryOf({ descriptor, bytes }: Blob): Record<string, unknown> {
  const { mediaType, digest, size } = descriptor;
  const document = decodeJson(bytes);
  const manifest = isRecord(document) ? document : {};
  const config = isRecord(manifest.config) ? manifest.config.mediaType : undefined;
  const artifactType = manifest.artifactType || config;
  const annotations = parseAnnotations(manifest.annotations, `manifest ${digest}`);
  return {
    mediaType,
    digest,
    size,
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
