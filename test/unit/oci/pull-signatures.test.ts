import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  type Blob,
  type Digest,
  PublicKey,
  parseReference,
  pruneSignatures,
  pullImage,
  Registries,
  verifyImage,
} from '../../../core/oci/index.js';
import { KeptSignatures } from '../../../core/oci/trust/kept-signatures.js';
import type { SignatureImage } from '../../../core/oci/trust/signature-image.js';
import { scratchOci } from '../../support/scratch-oci.js';
import {
  payload,
  signatureImage,
  signatureTag,
  signedLayer,
  type TestImage,
} from '../../support/signatures.js';
import { answer } from '../../support/web-server.js';
import { manifestOf, probeRegistry, sha } from './probe-registry.js';

const scratch = scratchOci('bee-pull-signatures-');
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = () => PublicKey.parse(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'cosign.pub');
const digest = sha(manifestOf()) as Digest;
const warn = (message: string): void => expect.fail(message);

it('keeps the signature that it was verified by, whoever clears the store meanwhile', async () => {
  const signature = signatureImage(signedLayer(privateKey, payload(digest)));
  let isThere = true;
  scratch.server = await probeRegistry((request, response) => {
    if (!isThere) return false;
    const parts = [signature.manifest, ...signature.blobs];
    const part = request.url?.endsWith(`/manifests/${signatureTag(digest)}`)
      ? signature.manifest
      : parts.find(({ descriptor }) => request.url?.endsWith(`/blobs/${descriptor.digest}`));
    if (part === undefined) return false;
    return answer(response, 200, part.bytes, { 'content-type': part.descriptor.mediaType });
  });
  scratch.registries = new Registries({ attempts: 1, env: {} });
  const reference = parseReference(`${scratch.server.host}/a/b:v1`);
  const policy = { keys: [await key()], require: true };
  const places = { stores: [scratch.store], registries: scratch.registries, warn };
  let documents: readonly Blob[] = [];
  await pullImage(scratch.registries, scratch.store, reference, {
    check: async (given) => {
      documents = given;
      const verified = await verifyImage(reference, documents, policy, places);
      // A `bee rm` of something else, before the image has its name.
      expect(await pruneSignatures(scratch.store)).toBe(1);
      isThere = false;
      return verified;
    },
  });
  expect(await verifyImage(reference, documents, policy, { stores: [scratch.store], warn })).toBeDefined();
});

it('keeps a verified signature though there are many that are not', async () => {
  const kept = new KeptSignatures(scratch.store);
  const asFound = ({ manifest, blobs: [config, ...layers] }: TestImage): SignatureImage =>
    ({ manifest, config, layers }) as unknown as SignatureImage;
  const found = async (): Promise<string[]> => {
    const digests: string[] = [];
    for await (const one of kept.signatures(parseReference('x/y:z'), digest))
      if ('image' in one) digests.push(one.image.manifest.descriptor.digest);
    return digests;
  };
  for (let i = 0; i < 33; i++)
    await kept.keep(digest, asFound(signatureImage(signedLayer(privateKey, `junk ${i}`))));
  const before = await found();
  expect(before).toHaveLength(32);
  const good = signatureImage(signedLayer(privateKey, payload(digest)));
  await kept.keep(digest, asFound(good), true);
  expect(await found()).toEqual([...before.slice(0, -1), good.manifest.descriptor.digest]);
});
