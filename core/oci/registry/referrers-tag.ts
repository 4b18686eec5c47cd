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

/** Looks in vain before it is given up: others write the same index meanwhile, or the registry shows an old one. */
const ROUNDS = 6;
/** ms between a write and the look whether it is still there, half to the whole of it; doubles each time. */
const LOOK_AGAIN_MS = 100;
const MAX_LOOK_AGAIN_MS = 2_000;

/**
 * Add a manifest to the index under its subject's tag; what others wrote there stays. Registries of that age have no
 * conditional requests, so that of two who write at the same moment one takes the other's entry away: it is looked for
 * after the write, and put there again. A registry may show for a while what was there before the write: an index that
 * a write was based on already is not written to again. `REFUSED` where the entry does not come to stay, after 5 s.
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
    /** Digests of the indexes that writes were based on which the registry took. */
    const replaced = new Set<Digest | undefined>();
    for (let round = 1; ; round++) {
      const { index, etag, content } = await readIndex(connection, network, subject, signal);
      const listed = entriesOf(index, where);
      if (listed.some((entry) => isRecord(entry) && entry.digest === digest)) return;
      if (listed.length >= MAX_DESCRIPTORS)
        throw new OciError(
          'TOO_LARGE',
          `${where} lists ${listed.length} referrers already: no more are added`,
        );
      const isOld = replaced.has(content);
      if (round > ROUNDS)
        throw new OciError(
          'REFUSED',
          isOld
            ? `${digest} cannot be seen yet in ${where}, though its registry took it: push again if it stays so`
            : `${where} loses ${digest} to others that write it at the same time: push again`,
        );
      if (!isOld) {
        const bytes = encodeJson({ ...index, manifests: [...listed, entryOf(referrer)] });
        const descriptor = { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length };
        // A proxy may make an ETag of its own, which nothing ever matches: the last rounds do without.
        const ifMatch = round > ROUNDS / 2 ? undefined : etag;
        const blob = { descriptor, bytes };
        const { isStale } = await uploadManifest(connection, network, blob, tag, signal, ifMatch);
        if (!isStale) replaced.add(content);
      }
      await pause(round, signal);
    }
  });
}

async function pause(round: number, signal: AbortSignal | undefined): Promise<void> {
  const most = Math.min(LOOK_AGAIN_MS * 2 ** (round - 1), MAX_LOOK_AGAIN_MS);
  try {
    await sleep(most * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
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

/** `content`: digest of its bytes; none where there is no such tag. */
async function readIndex(
  connection: Connection,
  network: NetworkReference,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<{ readonly index: Record<string, unknown>; readonly content?: Digest; readonly etag?: string }> {
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
    return { index: document, content: digestOf(bytes), ...(etag?.startsWith('"') ? { etag } : {}) };
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
