import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  type Blob,
  copyImage,
  type Descriptor,
  digestOf,
  ImageStore,
  mediaTypes,
  PublicKey,
  parseReference,
  verifyImage,
} from '../../../core/oci/index.js';
import { KeptSignatures } from '../../../core/oci/trust/kept-signatures.js';
import type { SignatureImage } from '../../../core/oci/trust/signature-image.js';
import { scratchOci } from '../../support/scratch-oci.js';
import { payload, signatureImage, signedLayer } from '../../support/signatures.js';

const scratch = scratchOci('bee-copy-');
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const reference = parseReference('localhost/mine:v1');
const name = parseReference('localhost/ours:v2');

/** An index of one probe, of which only the probe is signed, as by `cosign sign` of one machine's image. */
async function signedIndex(): Promise<{ readonly manifest: Blob; readonly signature: SignatureImage }> {
  const { store } = scratch;
  const descriptor = await store.putProbe(reference, Buffer.from('ELF'));
  const manifest = { descriptor, bytes: await store.fetch(descriptor, { limit: 10_000 }) };
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.INDEX, manifests: [descriptor] }),
  );
  const index: Descriptor = { mediaType: mediaTypes.INDEX, digest: digestOf(bytes), size: bytes.length };
  await store.putImage(reference.text, { descriptor: index, bytes }, [manifest]);
  const { manifest: signed, blobs } = signatureImage(signedLayer(privateKey, payload(descriptor.digest)));
  const [config, ...layers] = blobs;
  const signature = { manifest: signed, config, layers } as unknown as SignatureImage;
  await new KeptSignatures(store).keep(descriptor.digest, signature);
  return { manifest, signature };
}

it('takes the signatures along that are kept of an image, and of the manifests of an index', async () => {
  const { manifest } = await signedIndex();
  const other = new ImageStore(join(scratch.folder, 'other'));
  expect(await copyImage(scratch.store, other, reference, name)).toMatchObject({ faults: [] });
  const key = await PublicKey.parse(
    publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    'cosign.pub',
  );
  const warn = (message: string): void => expect.fail(message);
  const verified = await verifyImage(
    name,
    [manifest],
    { keys: [key], require: true },
    { stores: [other], warn },
  );
  expect(verified?.subject).toBe(manifest.descriptor.digest);
});

it('tells of a signature that is damaged, and copies the image', async () => {
  const { signature } = await signedIndex();
  const hex = signature.manifest.descriptor.digest.replace('sha256:', '');
  const blobs = join(scratch.folder, 'store', 'signatures', 'blobs', 'sha256');
  expect(readdirSync(blobs)).toContain(hex);
  rmSync(join(blobs, hex));
  const other = new ImageStore(join(scratch.folder, 'other'));
  const { faults } = await copyImage(scratch.store, other, reference, name);
  expect(faults).toEqual([
    expect.stringContaining(`${signature.manifest.descriptor.digest} is missing from`),
  ]);
  expect((await other.entries()).map((entry) => entry.name)).toEqual(['localhost/ours:v2']);
});
