import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isInstalled } from '../support/bee.js';
import { beeHere, beeHereOk } from '../support/bee-here.js';
import { DockerRegistry } from '../support/registry.js';
import {
  blob,
  bundleImage,
  dsseBundle,
  INDEX,
  image,
  payload,
  pushImage,
  pushManifest,
  referrersIndex,
  signatureImage,
  signatureTag,
  signedLayer,
  statement,
  type TestBlob,
} from '../support/signatures.js';
import { answer, WebServer } from '../support/web-server.js';

const STORE = fileURLToPath(new URL('../fixtures/bumblebee/store', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const SBOM = 'application/x.sbom';

const ada = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const bob = generateKeyPairSync('ed25519');
const refersTo = (digest: string): string => digest.replace(':', '-');

describe.skipIf(!isInstalled('docker-registry'))(
  'bee push of a signed image (docker-registry is not installed: skipped)',
  { timeout: 60_000 },
  () => {
    /** Where images are signed, and where they are copied to. Neither knows the referrers API. */
    let source: DockerRegistry;
    let mirror: DockerRegistry;
    let folder: string;
    let count = 0;
    let name: string;
    let copy: string;
    let manifest: TestBlob;
    let digest: string;

    const env = (store = 'store') => ({ HOME: folder, BEE_STORAGE: join(folder, store) });
    const ok = (...args: string[]) => beeHereOk(args, { env: env() });
    const repository = (reference: string): string =>
      `http://${reference.replace('/', '/v2/').replace(/:v\d$/, '')}`;
    const sign = (reference: string, ...keys: KeyObject[]): Promise<void> =>
      pushImage(
        repository(reference),
        signatureImage(...keys.map((key) => signedLayer(key, payload(digest)))),
        signatureTag(digest),
      );
    const attach = async (reference: string, key: KeyObject): Promise<string> => {
      const referrer = bundleImage(dsseBundle(key, statement(digest)), manifest.descriptor);
      await pushImage(repository(reference), referrer);
      await pushManifest(repository(reference), referrersIndex(referrer), refersTo(digest));
      return referrer.manifest.descriptor.digest;
    };
    const get = async (reference: string, what: string) => {
      const response = await fetch(`${repository(reference)}/manifests/${what}`, {
        headers: { accept: `${MANIFEST}, ${INDEX}` },
      });
      return response.status === 200 ? response.text() : undefined;
    };
    /** By somebody who has only the mirror. */
    const pulledWith = async (...keys: string[]): Promise<number> => {
      const store = `mirrored${++count}`;
      const flags = keys.flatMap((key) => ['--verify-key', join(folder, key)]);
      return (await beeHere(['pull', copy, ...flags], { env: env(store) })).code ?? -1;
    };

    beforeAll(async () => {
      [source, mirror] = await Promise.all([DockerRegistry.start(), DockerRegistry.start()]);
    });
    afterAll(() => Promise.all([source.stop(), mirror.stop()]));
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bee-push-signatures-'));
      for (const [file, { publicKey }] of [['ada.pub', ada] as const, ['bob.pub', bob] as const])
        writeFileSync(join(folder, file), publicKey.export({ type: 'spki', format: 'pem' }));
      cpSync(STORE, join(folder, 'store'), { recursive: true });
      name = `${source.host}/signed/image${++count}:v1`;
      copy = `${mirror.host}/copies/image${count}:v1`;
      await ok('tag', EXECS, name);
      digest = await ok('push', name);
      manifest = blob(MANIFEST, (await get(name, 'v1')) ?? '');
      expect(manifest.descriptor.digest).toBe(digest);
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it('sends the signature that a pull brought, byte for byte, and once', async () => {
      await sign(name, ada.privateKey);
      await ok('pull', name);
      await ok('tag', name, copy);
      const pushed = JSON.parse(await ok('push', copy, '--output', 'json'));
      expect(pushed).toMatchObject({ digest, signatures: 1 });
      const signature = await get(name, signatureTag(digest));
      expect(await get(copy, signatureTag(digest))).toBe(signature);
      expect(await pulledWith('ada.pub')).toBe(0);
      expect(await pulledWith('bob.pub')).toBe(1);
      // Again: nothing changes.
      await ok('push', copy);
      expect(await get(copy, signatureTag(digest))).toBe(signature);
    });

    it('sends what a verified pull brought of other signers and for other machines', async () => {
      const { arch } = process;
      const other = blob(MANIFEST, `${manifest.bytes} `);
      await pushManifest(repository(name), other);
      const manifests = [
        {
          ...manifest.descriptor,
          platform: { os: 'linux', architecture: arch === 'arm64' ? arch : 'amd64' },
        },
        { ...other.descriptor, platform: { os: 'linux', architecture: 'riscv64' } },
      ];
      const index = blob(INDEX, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
      await pushManifest(repository(name), index, 'v2');
      await sign(name, ada.privateKey);
      const bundle = await attach(name, bob.privateKey);
      for (const { descriptor } of [index, other])
        await pushImage(
          repository(name),
          signatureImage(signedLayer(bob.privateKey, payload(descriptor.digest))),
          signatureTag(descriptor.digest),
        );
      const from = name.replace(/v1$/, 'v2');
      await ok('pull', from, '--verify-key', join(folder, 'ada.pub'));
      await ok('tag', from, copy);
      expect(JSON.parse(await ok('push', copy, '--output', 'json'))).toMatchObject({ signatures: 4 });
      for (const what of [index, manifest, other].map(({ descriptor }) => signatureTag(descriptor.digest)))
        expect(await get(copy, what), what).toBe(await get(name, what));
      expect(await get(copy, refersTo(digest))).toContain(bundle);
    });

    it('passes over a kept signature that is about nothing sound', async () => {
      const layers = [signedLayer(ada.privateKey, payload(digest))];
      const sound = signatureImage(...layers);
      const unsound = image(sound.blobs[0] as TestBlob, layers, { subject: {} });
      await pushImage(repository(name), unsound, signatureTag(digest));
      await ok('pull', name);
      await ok('tag', name, copy);
      const { code, stdout, stderr } = await beeHere(['push', copy], { env: env() });
      expect(stderr).toMatch(
        /is pushed, its signatures not all: \S+signatures: manifest sha256:\w+: subject/,
      );
      expect({ code, stdout: stdout.trim() }).toEqual({ code: 1, stdout: digest });
    });

    it('sends a bundle, and lists it where a registry without the referrers API is asked', async () => {
      const bundle = await attach(name, ada.privateKey);
      await ok('pull', name);
      await ok('tag', name, copy);
      await ok('push', copy);
      const index = JSON.parse((await get(copy, refersTo(digest))) ?? '');
      expect(index).toMatchObject({ schemaVersion: 2, mediaType: INDEX });
      expect(index.manifests).toEqual([
        expect.objectContaining({
          mediaType: MANIFEST,
          digest: bundle,
          artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
          annotations: expect.objectContaining({ 'dev.sigstore.bundle.content': 'dsse-envelope' }),
        }),
      ]);
      expect(await pulledWith('ada.pub')).toBe(0);
      await ok('push', copy);
      expect(JSON.parse((await get(copy, refersTo(digest))) ?? '')).toEqual(index);
    });

    it('keeps what others attached there, and what it does not know of it', async () => {
      await attach(name, ada.privateKey);
      await ok('pull', name);
      await ok('tag', name, copy);
      await ok('push', copy, '--no-signatures');
      expect(await get(copy, refersTo(digest))).toBeUndefined();
      expect(await pulledWith('ada.pub')).toBe(1);
      const sbom = blob(MANIFEST, manifest.bytes, { artifactType: SBOM, 'x-more': 1 });
      const theirs = { schemaVersion: 2, mediaType: INDEX, manifests: [sbom.descriptor], 'x-own': true };
      await pushManifest(repository(copy), blob(INDEX, JSON.stringify(theirs)), refersTo(digest));

      await ok('push', copy);
      const index = JSON.parse((await get(copy, refersTo(digest))) ?? '');
      expect(index).toMatchObject({ 'x-own': true, manifests: [sbom.descriptor, {}] });
      expect(index.manifests).toHaveLength(2);
      expect(await pulledWith('ada.pub')).toBe(0);
    });

    it('adds to the signatures that are there under the tag, and takes none away', async () => {
      await sign(name, ada.privateKey);
      await ok('pull', name);
      await ok('tag', name, copy);
      await ok('push', copy, '--no-signatures');
      await sign(copy, bob.privateKey);
      expect([await pulledWith('bob.pub'), await pulledWith('ada.pub')]).toEqual([0, 1]);

      await ok('push', copy);
      expect([await pulledWith('bob.pub'), await pulledWith('ada.pub')]).toEqual([0, 0]);
      const both = await get(copy, signatureTag(digest));
      const { layers } = JSON.parse(both ?? '');
      expect(layers).toHaveLength(2);
      await ok('push', copy);
      expect(await get(copy, signatureTag(digest))).toBe(both);
    });

    it('takes what has more signatures as it is', async () => {
      await sign(name, ada.privateKey);
      await ok('pull', name);
      await ok('tag', name, copy);
      await ok('push', copy);
      const first = signedLayer(ada.privateKey, payload(digest));
      const kept = JSON.parse((await get(copy, signatureTag(digest))) ?? '').layers[0];
      // As cosign signs once more: the old layer stays, with its signature.
      Object.assign(first.descriptor, kept);
      const both = signatureImage(first, signedLayer(bob.privateKey, payload(digest)));
      await pushImage(repository(name), both, signatureTag(digest));
      await ok('pull', name);
      await ok('push', copy);
      expect(await get(copy, signatureTag(digest))).toBe(both.manifest.bytes.toString());
    });

    it('overwrites no tag that is something else, and says what is there and what is not', async () => {
      await attach(name, ada.privateKey);
      await ok('pull', name);
      await ok('tag', name, copy);
      await ok('push', copy, '--no-signatures');
      await pushManifest(repository(copy), manifest, refersTo(digest));
      const { code, stdout, stderr } = await beeHere(['push', copy], { env: env() });
      expect({ code, stdout }).toEqual({ code: 1, stdout: `${digest}\n` });
      expect(stderr).toBe(
        `error: ${copy} is pushed, its signatures not all: ${copy.slice(0, -3)}:${refersTo(digest)} is no index of referrers: it is a ${MANIFEST}\n--no-signatures leaves them out.\n`,
      );
      expect(await get(copy, refersTo(digest))).toBe(manifest.bytes.toString());
    });

    it('says which kept signature is damaged, and sends the others', async () => {
      await sign(name, ada.privateKey);
      const bundle = await attach(name, bob.privateKey);
      await ok('pull', name);
      await ok('tag', name, copy);
      const blobs = join(folder, 'store', 'signatures', 'blobs', 'sha256');
      const { layers } = JSON.parse(readFileSync(join(blobs, bundle.slice(7)), 'utf8'));
      expect(readdirSync(blobs)).toContain(layers[0].digest.slice(7));
      writeFileSync(join(blobs, layers[0].digest.slice(7)), 'no bundle');
      const { code, stderr } = await beeHere(['push', copy], { env: env() });
      expect(code).toBe(1);
      expect(stderr).toMatch(/is pushed, its signatures not all: \S+signatures: \S+ is damaged: 9 bytes/);
      expect([await pulledWith('ada.pub'), await pulledWith('bob.pub')]).toEqual([0, 1]);
    });

    it('leaves the list to a registry that keeps it itself', async () => {
      const bundle = await attach(name, ada.privateKey);
      await ok('pull', name);
      // The mirror behind a front that answers as a registry with the referrers API does.
      const front = await WebServer.start(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const { status, headers, body } = await passOn(mirror.host, request, Buffer.concat(chunks));
        const isReferrer = request.method === 'PUT' && request.url?.endsWith(bundle);
        return answer(response, status, body, {
          ...headers,
          ...(isReferrer ? { 'oci-subject': digest } : {}),
        });
      });
      try {
        const there = `${front.host}/copies/fronted${count}:v1`;
        await ok('tag', name, there);
        await ok('push', there);
        expect(front.asked.filter((one) => one.startsWith('PUT') && one.includes('/manifests/'))).toEqual([
          `PUT /v2/copies/fronted${count}/manifests/v1`,
          `PUT /v2/copies/fronted${count}/manifests/${bundle}`,
        ]);
      } finally {
        await front.stop();
      }
    });
  },
);

async function passOn(host: string, request: IncomingMessage, body: Buffer) {
  const { 'content-type': type, accept } = request.headers;
  const response = await fetch(`http://${host}${request.url}`, {
    method: request.method ?? 'GET',
    headers: {
      ...(type ? { 'content-type': String(type) } : {}),
      ...(accept ? { accept: String(accept) } : {}),
    },
    ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const { 'content-length': _length, ...headers } = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: request.method === 'HEAD' ? '' : bytes };
}
