import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PublicKey } from '../../../core/oci/index.js';
import { judge } from '../../../core/oci/trust/judge.js';
import {
  BUNDLE,
  blob,
  dsseBundle,
  MANIFEST,
  messageBundle,
  payload,
  SIMPLE_SIGNING,
  sha256,
  signedLayer,
  signWith,
  statement,
} from '../../support/signatures.js';

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const PAIRS: readonly (readonly [name: string, pair: Pair])[] = [
  ['ECDSA P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['ECDSA P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['ECDSA P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['RSA 2048', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['RSA 3072', generateKeyPairSync('rsa', { modulusLength: 3072 })],
  ['Ed25519', generateKeyPairSync('ed25519')],
];

const keyOf = ({ publicKey }: Pair, name = 'cosign.pub'): Promise<PublicKey> =>
  PublicKey.parse(publicKey.export({ type: 'spki', format: 'pem' }).toString(), name);

const subject = blob(MANIFEST, '{"schemaVersion":2}') as unknown as Parameters<typeof judge>[1];
const { digest } = subject.descriptor;
const OTHER = sha256('another image');

const bundleLayer = (bundle: object | string) => ({
  descriptor: { mediaType: BUNDLE, digest, size: 1 },
  bytes: Buffer.from(typeof bundle === 'string' ? bundle : JSON.stringify(bundle)),
});
const judged = (layer: unknown, ...keys: PublicKey[]) =>
  judge(layer as Parameters<typeof judge>[0], subject, keys);

describe.each(PAIRS)('a signature by %s', async (_name, pair) => {
  const key = await keyOf(pair);
  const stranger = await keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'stranger.pub');

  it('is taken as simple signing, in an envelope, and over the bytes themselves', () => {
    const layers = [
      signedLayer(pair.privateKey, payload(digest)),
      bundleLayer(dsseBundle(pair.privateKey, statement(digest))),
      bundleLayer(messageBundle(pair.privateKey, subject.bytes)),
    ];
    for (const layer of layers) {
      expect(judged(layer, key)).toEqual({ key });
      expect(judged(layer, stranger, key)).toEqual({ key });
      expect(judged(layer, stranger)).toEqual({ why: 'by another key, or damaged' });
    }
  });

  it('counts for the image that it names only', () => {
    expect(judged(signedLayer(pair.privateKey, payload(OTHER)), key)).toEqual({
      why: `for another image, ${OTHER}`,
    });
    const why = expect.stringContaining('for another image, sha256:"');
    expect(judged(bundleLayer(dsseBundle(pair.privateKey, statement(OTHER))), key)).toEqual({ why });
    expect(judged(bundleLayer(messageBundle(pair.privateKey, Buffer.from('other'))), key)).toEqual({
      why: expect.stringContaining('for something else, "SHA2_256 '),
    });
  });

  it('is lost when one bit of what it signs is changed', () => {
    const text = payload(digest);
    const signature = signWith(pair.privateKey, Buffer.from(text));
    const changed = signedLayer(pair.privateKey, text.replace('else', 'elsf'), signature);
    expect(judged(changed, key)).toEqual({ why: 'by another key, or damaged' });
    for (const at of [0, signature.length >> 1, signature.length - 1]) {
      const bad = Buffer.from(signature);
      bad[at] = bad[at]! ^ 1;
      expect(judged(signedLayer(pair.privateKey, text, bad), key)).toEqual({
        why: 'by another key, or damaged',
      });
    }
    const bundle = dsseBundle(pair.privateKey, statement(digest)) as {
      dsseEnvelope: { payload: string; payloadType: string };
    };
    bundle.dsseEnvelope.payload = Buffer.from(`${statement(digest)} `).toString('base64');
    expect(judged(bundleLayer(bundle), key)).toEqual({ why: 'by another key, or damaged' });
  });
});

describe('a signature', async () => {
  const [, pair] = PAIRS[0]!;
  const key = await keyOf(pair);

  it('by P-384 and P-521 is taken with SHA-256 too, as cosign made it before v3', async () => {
    for (const [name, { privateKey, publicKey }] of PAIRS.slice(1, 3)) {
      const text = payload(digest);
      const layer = signedLayer(privateKey, text, signWith(privateKey, Buffer.from(text), 'sha256'));
      expect(judged(layer, await keyOf({ privateKey, publicKey })), name).toHaveProperty('key');
    }
  });

  it('by RSA is taken with PSS padding too', async () => {
    const [, rsa] = PAIRS[3]!;
    for (const hash of ['sha256', 'sha384', 'sha512']) {
      const text = payload(digest);
      const layer = signedLayer(
        rsa.privateKey,
        text,
        signWith(rsa.privateKey, Buffer.from(text), hash, true),
      );
      expect(judged(layer, await keyOf(rsa)), hash).toHaveProperty('key');
    }
    const weak = payload(digest);
    const layer = signedLayer(rsa.privateKey, weak, signWith(rsa.privateKey, Buffer.from(weak), 'sha1'));
    expect(judged(layer, await keyOf(rsa))).toEqual({ why: 'by another key, or damaged' });
  });

  it('says nothing of where the image is: the reference in it is not read', () => {
    for (const reference of ['ghcr.io/somebody/else', '', 'not a reference @@'])
      expect(judged(signedLayer(pair.privateKey, payload(digest, { reference })), key)).toEqual({ key });
  });

  it('is not made by an attestation of another kind with the same key', () => {
    const vulnerable = statement(digest, 'https://cosign.sigstore.dev/attestation/vuln/v1');
    expect(judged(bundleLayer(dsseBundle(pair.privateKey, vulnerable)), key)).toEqual({
      why: 'an attestation ("https://cosign.sigstore.dev/attestation/vuln/v1"), which is no signature',
    });
  });

  it('with a certificate is said to be one', () => {
    const bundle = dsseBundle(pair.privateKey, statement(digest), {
      verificationMaterial: { certificate: { rawBytes: 'AA==' } },
    });
    expect(judged(bundleLayer(bundle), key)).toEqual({
      why: 'made with a certificate (keyless), not with a key',
    });
  });

  it('among several subjects is found', () => {
    const many = JSON.parse(statement(digest));
    many.subject = [{ digest: { sha256: 'ab' } }, {}, null, ...many.subject];
    expect(judged(bundleLayer(dsseBundle(pair.privateKey, JSON.stringify(many))), key)).toEqual({ key });
  });

  it('that is malformed is none, whatever is wrong with it', () => {
    const good = dsseBundle(pair.privateKey, statement(digest));
    const signed = (text: string) => bundleLayer(dsseBundle(pair.privateKey, text));
    const faults: [layer: unknown, why: string][] = [
      [
        blob(SIMPLE_SIGNING, payload(digest)),
        'its annotation dev.cosignproject.cosign/signature is not base64',
      ],
      [signedLayer(pair.privateKey, 'no json'), 'its payload is not JSON'],
      [signedLayer(pair.privateKey, '{}'), 'its payload is not a "cosign container image signature"'],
      [
        signedLayer(pair.privateKey, payload(digest, { type: 'atomic container signature' })),
        'its payload is not',
      ],
      [signedLayer(pair.privateKey, payload('sha256:abc')), 'its payload names "sha256:abc"'],
      [bundleLayer('['), 'it is not JSON'],
      [bundleLayer('[]'), 'it is not an object'],
      [bundleLayer({ ...good, mediaType: 'text/plain' }), 'it does not say that it is a sigstore bundle'],
      [bundleLayer({ ...good, verificationMaterial: 1 }), 'verificationMaterial is not an object'],
      [bundleLayer({ ...good, dsseEnvelope: undefined }), 'neither a dsseEnvelope nor a messageSignature'],
      [bundleLayer({ ...good, dsseEnvelope: { payloadType: 'text/html' } }), 'its payload is "text/html"'],
      [
        bundleLayer({ ...good, dsseEnvelope: { ...(good.dsseEnvelope as object), signatures: [] } }),
        'not exactly one signature',
      ],
      [
        bundleLayer({ ...good, dsseEnvelope: { ...(good.dsseEnvelope as object), payload: '%' } }),
        'the payload is not base64',
      ],
      [signed('nothing'), 'the statement is not JSON'],
      [signed('{"_type":"x"}'), 'the payload is not an in-toto statement'],
      [signed(statement(digest).replace('"subject":[', '"subject":1,"was":[')), 'no list of subjects'],
      [
        signed(JSON.stringify({ ...JSON.parse(statement(digest)), subject: Array(1025).fill({}) })),
        'no list of subjects, or one that is too long',
      ],
    ];
    for (const [layer, why] of faults)
      expect(judged(layer, key), why).toEqual({ why: expect.stringMatching(/^that is malformed: /) });
    for (const [layer, why] of faults)
      expect(judged(layer, key), why).toEqual({ why: expect.stringContaining(why) });
  });
});
