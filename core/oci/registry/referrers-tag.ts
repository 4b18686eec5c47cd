import { setTimeout as sleep } from 'node:timers/promises';
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
  const { manifests } = (await readIndex(connection, network, subject, signal)).index;
  return Array.isArray(manifests) ? manifests : [];
}

/** Writes in vain before it is given up: others write the same index meanwhile. */
const ROUNDS = 6;
/** ms between a write and the look whether it is still there: half to the whole of it. */
const LOOK_AGAIN_MS = 100;

/**
 * Add a manifest to the index under its subject's tag; what others wrote there stays. Registries of that age have no
 * conditional requests, so that of two who write at the same moment one takes the other's entry away: it is looked for
 * after the write, and put there again. `REFUSED` where that does not end.
 */
export function addToReferrersTag(
  connection: Connection,
  network: NetworkReference,
  subject: Digest,
  referrer: Blob,
  signal: AbortSignal | undefined,
): Promise<void> {
  const tag = referrersTag(subject);
  const where = `${network.registry}/${network.repository}:${tag}`;
  const { digest } = referrer.descriptor;
  return connection.inTurn(where, async () => {
    for (let round = 1; ; round++) {
      const { index, etag } = await readIndex(connection, network, subject, signal);
      const listed = entriesOf(index, where);
      if (listed.some((entry) => isRecord(entry) && entry.digest === digest)) return;
      if (listed.length >= MAX_DESCRIPTORS)
        throw new OciError(
          'TOO_LARGE',
          `${where} lists ${listed.length} referrers already: no more are added`,
        );
      if (round > ROUNDS)
        throw new OciError(
          'REFUSED',
          `${where} loses ${digest} to others that write it at the same time: push again`,
        );
      const bytes = encodeJson({ ...index, manifests: [...listed, entryOf(referrer)] });
      const descriptor = { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length };
      // A proxy may make an ETag of its own, which nothing ever matches: the last rounds do without.
      const ifMatch = round > ROUNDS / 2 ? undefined : etag;
      await uploadManifest(connection, network, { descriptor, bytes }, tag, signal, ifMatch);
      await pause(signal);
    }
  });
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(LOOK_AGAIN_MS * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
  } catch (cause) {
    throw new OciError('ABORTED', 'interrupted while writing the referrers of an image', { cause });
  }
}

function entriesOf({ manifests = [] }: Record<string, unknown>, where: string): unknown[] {
  if (!Array.isArray(manifests))
    throw new OciError(
      'INVALID_MANIFEST',
      `${where} is no index of referrers, and is not overwritten: its manifests are no list`,
    );
  return manifests;
}

async function readIndex(
  connection: Connection,
  network: NetworkReference,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<{ readonly index: Record<string, unknown>; readonly etag?: string }> {
  const tag = referrersTag(subject);
  const refuse = (why: string) =>
    new OciError(
      'INVALID_MANIFEST',
      `${network.registry}/${network.repository}:${tag} is no index of referrers: ${why}`,
    );
  try {
    const { bytes, mediaType, etag } = await downloadManifest(connection, network, tag, signal);
    if (mediaType !== INDEX) throw refuse(`it is a ${mediaType}`);
    const document = parsed(bytes);
    if (!isRecord(document)) throw refuse('it is not a JSON object');
    // One that is weak never matches (RFC 9110, 13.1.1).
    return { index: document, ...(etag?.startsWith('"') ? { etag } : {}) };
  } catch (error) {
    if (error instanceof OciError && error.code === 'NOT_FOUND')
      return { index: { schemaVersion: 2, mediaType: INDEX, manifests: [] } };
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
