import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Blob,
  countSignatures,
  ImageStore,
  OciError,
  PublicKey,
  parseReference,
  pruneSignatures,
  Registries,
  verifyImage,
} from '../../../core/oci/index.js';
import { scratchOci } from '../../support/scratch-oci.js';
import {
  BUNDLE,
  blob,
  bundleImage,
  dsseBundle,
  INDEX,
  MANIFEST,
  payload,
  SIGN_PREDICATE,
  signatureImage,
  signatureTag,
  signedLayer,
  statement,
  type TestBlob,
  type TestImage,
} from '../../support/signatures.js';
import { answer, WebServer } from '../../support/web-server.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const subject = blob(MANIFEST, '{"schemaVersion":2}');
const { digest } = subject.descriptor;
const good = signatureImage(signedLayer(privateKey, payload(digest)));
const goodBundle = bundleImage(dsseBundle(privateKey, statement(digest)), subject.descriptor);

let key: PublicKey;

beforeAll(async () => {
  key = await PublicKey.parse(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'cosign.pub');
});
const scratch = scratchOci('bee-signatures-');

/** What the registry has, by the end of the URL: `manifests/…`, `blobs/…`, `referrers/…`. */
type Content = Record<string, TestBlob | ((request: IncomingMessage, response: ServerResponse) => void)>;

function contentOf({ manifest, blobs }: TestImage, name = manifest.descriptor.digest): Content {
  const parts = blobs.map((part): [string, TestBlob] => [`blobs/${part.descriptor.digest}`, part]);
  return { ...Object.fromEntries(parts), [`manifests/${name}`]: manifest };
}

const referrers = (entries: readonly unknown[]): Content => ({
  [`referrers/${digest}`]: blob(INDEX, JSON.stringify({ schemaVersion: 2, manifests: entries })),
});
const entryOf = ({ manifest }: TestImage): object => ({
  ...manifest.descriptor,
  artifactType: BUNDLE,
  annotations: { 'dev.sigstore.bundle.predicateType': SIGN_PREDICATE },
});

let asked: string[];
/** 'verified', or why not. */
async function verify(content: Content, signal?: AbortSignal): Promise<string> {
  asked = [];
  scratch.server = await WebServer.start((request, response) => {
    const url = request.url ?? '';
    asked.push(url);
    const known = content[url.replace('/v2/a/b/', '')];
    if (typeof known === 'function') return known(request, response);
    if (known === undefined) return answer(response, 404, '{}');
    answer(response, 200, known.bytes, { 'content-type': known.descriptor.mediaType });
  });
  scratch.registries = new Registries({ attempts: 2, backoff: 1, env: {} });
  return verifyImage(
    parseReference(`${scratch.server.host}/a/b:v1`),
    [subject as unknown as Blob],
    { keys: [key], require: true },
    {
      stores: [scratch.store],
      registries: scratch.registries,
      warn: (message) => expect.fail(message),
      signal,
    },
  ).then(
    (verified) => (verified ? 'verified' : 'nothing'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(OciError);
      expect(error).toMatchObject({ code: 'UNTRUSTED' });
      const { message } = error as OciError;
      expect(message.length).toBeLessThan(2000);
      return message;
    },
  );
}

const TAG = signatureTag(digest);

describe('a registry of signatures', () => {
  it('that is sound gives them, by tag and by referrers, and is asked for no more than needed', async () => {
    expect(await verify(contentOf(good, TAG))).toBe('verified');
    expect(asked.filter((url) => url.includes('referrers'))).toEqual([]);
    await scratch.server?.stop();
    // Kept: the next time without the network.
    expect(await verify({})).toBe('verified');
    expect(asked).toEqual([]);
    rmSync(scratch.store.folder, { recursive: true });
    await scratch.server?.stop();
    expect(await verify({ ...contentOf(goodBundle), ...referrers([entryOf(goodBundle)]) })).toBe('verified');
    expect(
      await countSignatures(parseReference('x/y:z'), [subject as unknown as Blob], {
        stores: [scratch.store],
      }),
    ).toBe(1);
  });

  const other = (mediaType: string): TestBlob => blob(mediaType, good.manifest.bytes);
  it.each<[what: string, content: Content, told: string]>([
    [
      'an index that holds itself',
      { [`manifests/${TAG}`]: blob(INDEX, '{"schemaVersion":2,"manifests":[]}') },
      'it is a application/vnd.oci.image.index',
    ],
    [
      'a manifest of another type',
      { ...contentOf(good), [`manifests/${TAG}`]: other('text/html') },
      'it is a text/html',
    ],
    ['no JSON', { [`manifests/${TAG}`]: blob(MANIFEST, '<html>') }, 'not JSON'],
    [
      'a manifest without a list of layers',
      { [`manifests/${TAG}`]: blob(MANIFEST, '{"schemaVersion":2,"config":{}}') },
      'mediaType is missing',
    ],
    ['layers that are not there', { [`manifests/${TAG}`]: good.manifest }, 'not readable: no such thing'],
    [
      'a payload with another digest',
      {
        ...contentOf(good, TAG),
        [`blobs/${good.blobs[1]!.descriptor.digest}`]: blob('x', 'y'.repeat(good.blobs[1]!.bytes.length)),
      },
      'has another digest',
    ],
    [
      'a payload that ends early',
      { ...contentOf(good, TAG), [`blobs/${good.blobs[1]!.descriptor.digest}`]: blob('x', 'y') },
      'after 1 of its',
    ],
    [
      'a payload that does not end',
      {
        ...contentOf(good, TAG),
        [`blobs/${good.blobs[1]!.descriptor.digest}`]: blob('x', 'y'.repeat(1_000_000)),
      },
      'sends more than the',
    ],
    ['referrers that are no list', { [`referrers/${digest}`]: blob(INDEX, '{"manifests":"many"}') }, 'none.'],
    [
      'referrers that are no descriptors',
      referrers([
        null,
        1,
        [],
        {},
        { mediaType: MANIFEST, digest: '../../x', size: 1 },
        { mediaType: MANIFEST, digest, size: -1 },
      ]),
      'none.',
    ],
    [
      'a referrer that is the image itself',
      { [`manifests/${digest}`]: subject, ...referrers([{ ...subject.descriptor, artifactType: BUNDLE }]) },
      'config: not an object',
    ],
    [
      'a referrer that refers to itself',
      {
        ...contentOf(bundleImage({ mediaType: BUNDLE }, goodBundle.manifest.descriptor)),
        ...referrers([entryOf(bundleImage({ mediaType: BUNDLE }, goodBundle.manifest.descriptor))]),
      },
      'verificationMaterial is not an object',
    ],
    [
      'referrers under the tag that are no JSON',
      { [`manifests/${digest.replace(':', '-')}`]: blob(INDEX, '[') },
      'not readable',
    ],
    [
      'a server error',
      { [`manifests/${TAG}`]: (_request, response) => answer(response, 500, '{}') },
      'gave up after 2 attempts',
    ],
    [
      'a refusal',
      { [`manifests/${TAG}`]: (_request, response) => answer(response, 403, '{}') },
      'no permission',
    ],
  ])('with %s is not believed, and says so', async (_what, content, told) => {
    const message = await verify(content);
    expect(message).toContain(`${digest} has no signature by cosign.pub (sha256:`);
    expect(message).toContain(told);
    // And it hides no signature that is there.
    await scratch.server?.stop();
    const bundle = {
      ...contentOf(goodBundle),
      [`referrers/${digest}`]: referrers([entryOf(goodBundle)])[`referrers/${digest}`]!,
    };
    expect(await verify({ ...content, ...bundle })).toBe('verified');
  });

  it('with thousands of referrers is asked for thirty-two, those that say they sign first', async () => {
    const junk = Array.from({ length: 3000 }, (_, i) => ({
      mediaType: MANIFEST,
      digest: `sha256:${i.toString(16).padStart(64, '0')}`,
      size: 500,
      artifactType: BUNDLE,
      annotations: { 'dev.sigstore.bundle.predicateType': 'https://spdx.dev/Document' },
    }));
    const message = await verify(referrers(junk));
    expect(message).toContain('of 3000 referrers, only 32 were looked at');
    expect(asked.length).toBeLessThan(40);
    await scratch.server?.stop();
    const content = { ...contentOf(goodBundle), ...referrers([...junk, entryOf(goodBundle)]) };
    expect(await verify(content)).toBe('verified');
  });

  it('with a list of referrers that does not end, or leads in a circle, is left', async () => {
    let page = 0;
    const endless: Content[string] = (_request, response) =>
      answer(response, 200, '{"manifests":[]}', {
        link: `</v2/a/b/referrers/${digest}?page=${page++ % 3}>; rel="next"`,
      });
    const pages = Object.fromEntries(
      ['', '?page=0', '?page=1', '?page=2'].map((query) => [`referrers/${digest}${query}`, endless]),
    );
    expect(await verify(pages)).toContain('goes in a circle');
  });

  it('that does not answer is given up when the caller says so', async () => {
    const silent: Content = { [`manifests/${TAG}`]: () => {} };
    await expect(verify(silent, AbortSignal.timeout(300))).resolves.toContain(
      'did not finish in the time allowed',
    );
  });

  it('whose caller is interrupted ends with that, not with a verdict', async () => {
    const controller = new AbortController();
    const silent: Content = { [`manifests/${TAG}`]: () => controller.abort() };
    scratch.server = await WebServer.start((request, response) =>
      (silent[(request.url ?? '').replace('/v2/a/b/', '')] as Exclude<Content[string], TestBlob>)(
        request,
        response,
      ),
    );
    scratch.registries = new Registries({ attempts: 1, env: {} });
    await expect(
      verifyImage(
        parseReference(`${scratch.server.host}/a/b:v1`),
        [subject as unknown as Blob],
        { keys: [key], require: true },
        {
          stores: [scratch.store],
          registries: scratch.registries,
          warn: () => {},
          signal: controller.signal,
        },
      ),
    ).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('kept signatures', () => {
  it('that are damaged are passed over, and hide no others', async () => {
    expect(await verify(contentOf(good, TAG))).toBe('verified');
    const path = join(
      scratch.store.folder,
      'signatures',
      'blobs',
      'sha256',
      good.manifest.descriptor.digest.slice(7),
    );
    writeFileSync(path, good.manifest.bytes.subarray(1));
    await scratch.server?.stop();
    expect(await verify({})).toMatch(/Found in .*signatures: not readable: .*is damaged/);
    await scratch.server?.stop();
    expect(await verify(contentOf(good, TAG))).toBe('verified');
    writeFileSync(join(scratch.store.folder, 'signatures', 'index.json'), '{');
    await scratch.server?.stop();
    expect(await verify({})).toMatch(/index\.json is damaged: not JSON/);
  });

  it('stay while an image is there that they are of, and go with its last name', async () => {
    const named = async (): Promise<number> =>
      (await new ImageStore(join(scratch.store.folder, 'signatures')).list()).length;
    const probe = await scratch.store.putProbe('x/y:1', Buffer.from('ELF'));
    await scratch.store.tag(parseReference('x/y:1'), parseReference('x/y:2'));
    const { bytes } = (await scratch.store.readProbe('x/y:1'))!.documents[0]!;
    const image = blob(MANIFEST, bytes);
    expect(image.descriptor.digest).toBe(probe.digest);
    scratch.server = await WebServer.start((request, response) => {
      const layered = signatureImage(signedLayer(privateKey, payload(probe.digest)));
      const content = contentOf(layered, signatureTag(probe.digest));
      const known = content[(request.url ?? '').replace('/v2/a/b/', '')] as TestBlob | undefined;
      if (known === undefined) return answer(response, 404, '{}');
      return answer(response, 200, known.bytes, { 'content-type': known.descriptor.mediaType });
    });
    scratch.registries = new Registries({ attempts: 1, env: {} });
    const options = {
      stores: [scratch.store],
      registries: scratch.registries,
      warn: (message: string) => expect.fail(message),
    };
    const policy = { keys: [key], require: true };
    await verifyImage(
      parseReference(`${scratch.server.host}/a/b:v1`),
      [image as unknown as Blob],
      policy,
      options,
    );
    for (const [reference, left] of [
      ['x/y:1', 1],
      ['x/y:2', 0],
    ] as const) {
      await scratch.store.remove(parseReference(reference));
      await pruneSignatures(scratch.store);
      expect(await named()).toBe(left);
    }
  });
});
