import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { machine, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { type BeeResult, bee, beeOk, isInstalled } from '../support/bee.js';
import { DockerRegistry, freePort } from '../support/registry.js';
import {
  blob,
  bundleImage,
  dsseBundle,
  INDEX,
  messageBundle,
  payload,
  pushImage,
  pushManifest,
  referrersIndex,
  sha256,
  signatureImage,
  signatureTag,
  signedLayer,
  statement,
  type TestBlob,
} from '../support/signatures.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/bumblebee/', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';
const ABSENT = `sha256:${'0'.repeat(64)}`;

const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const theirs = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe.skipIf(!isInstalled('docker-registry'))(
  'signed images (docker-registry is not installed: skipped)',
  { timeout: 180_000 },
  () => {
    let registry: DockerRegistry;
    let folder: string;
    let store: string;
    let key: string;
    let otherKey: string;
    let count = 0;
    /** What the tests pull: an image under a name that no other test uses. */
    let name: string;
    let repository: string;
    let manifest: TestBlob;
    let digest: string;

    const env = (): NodeJS.ProcessEnv => ({
      BEE_STORAGE: store,
      HOME: folder,
      DOCKER_CONFIG: join(folder, '.docker'),
    });
    const run = (...args: string[]): Promise<BeeResult> => bee(args, { env: env() });
    const ok = (...args: string[]): Promise<string> => beeOk(args, { env: env() });
    const names = async (): Promise<string[]> =>
      JSON.parse(await ok('list', '--output', 'json')).map((image: { name: string }) => image.name);
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^(?:time=[^\n]*\n)*error: [^\n]*\n(?:`bee list`[^\n]*\n)?$/);
      return stderr;
    };

    /** Under cosign's tag. */
    const signTag = (by: KeyObject, of = digest, tag = signatureTag(of)): Promise<void> =>
      pushImage(repository, signatureImage(signedLayer(by, payload(of))), tag);
    /** Among the referrers: this registry knows them by the tag that stands in for the API. */
    const attach = async (
      bundle: object,
      to: TestBlob['descriptor'] = manifest.descriptor,
    ): Promise<void> => {
      const referrer = bundleImage(bundle, to);
      await pushImage(repository, referrer);
      await pushManifest(repository, referrersIndex(referrer), to.digest.replace(':', '-'));
    };

    beforeAll(async () => {
      registry = await DockerRegistry.start();
    });
    afterAll(() => registry.stop());
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bee-trust-'));
      store = join(folder, 'store');
      cpSync(join(FIXTURES, 'store'), store, { recursive: true });
      key = join(folder, 'cosign.pub');
      otherKey = join(folder, 'other.pub');
      writeFileSync(key, ours.publicKey.export({ type: 'spki', format: 'pem' }));
      writeFileSync(otherKey, theirs.publicKey.export({ type: 'spki', format: 'pem' }));
      name = `${registry.host}/signed/image${++count}:v1`;
      repository = `http://${registry.host}/v2/signed/image${count}`;
      await ok('tag', EXECS, name);
      await ok('push', name);
      const raw = execFileSync(process.execPath, [
        fileURLToPath(new URL('../../dist/bin/bee.js', import.meta.url)),
        '--storage',
        store,
        'inspect',
        EXECS,
        '--raw',
        'manifest',
      ]);
      manifest = blob('application/vnd.oci.image.manifest.v1+json', raw);
      ({ digest } = manifest.descriptor);
      // From here on the store has nothing: a machine that pulls.
      rmSync(store, { recursive: true });
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it.each([
      ['under the tag', () => signTag(ours.privateKey)],
      ['in a bundle', () => attach(dsseBundle(ours.privateKey, statement(digest)))],
      ['in a bundle over its bytes', () => attach(messageBundle(ours.privateKey, manifest.bytes))],
    ])('are pulled by the key that signed them %s, and by no other', async (_where, signed) => {
      await signed();
      const refusal = await refused('pull', name, '--verify-key', otherKey);
      expect(refusal).toContain(`${name} is not trusted: ${digest} has no signature by ${otherKey} (sha256:`);
      expect(refusal).toContain(`in the registry ${registry.host}: a signature by another key, or damaged.`);
      expect(refusal).toContain('give their public key instead');
      expect(await names()).toEqual([]);

      const pulled = await ok(
        'pull',
        name,
        '--verify-key',
        otherKey,
        '--verify-key',
        key,
        '--output',
        'json',
      );
      expect(JSON.parse(pulled)).toMatchObject({ digest, signedWith: key });
    });

    it('take their signatures along: verified with the registry gone, and no image in any list', async () => {
      await signTag(ours.privateKey);
      // Nobody asked for signatures: they come nevertheless.
      await ok('pull', name);
      expect(await names()).toEqual([name]);
      const index = JSON.parse(readFileSync(join(store, 'index.json'), 'utf8'));
      expect(index.manifests).toHaveLength(1);
      const kept = JSON.parse(readFileSync(join(store, 'signatures', 'index.json'), 'utf8'));
      expect(kept.manifests).toHaveLength(1);
      expect(existsSync(join(store, 'signatures', 'oci-layout'))).toBe(true);
      // The same signature again is not another one.
      await ok('pull', name, '--verify-key', key);
      expect(JSON.parse(readFileSync(join(store, 'signatures', 'index.json'), 'utf8'))).toEqual(kept);

      const gone = name.replace(/:\d+\//, `:${await freePort()}/`);
      await ok('tag', name, gone);
      const facts = JSON.parse(await ok('describe', gone, '--verify-key', key, '--output', 'json'));
      expect(facts.signature).toMatchObject({ found: 1, in: 'store', verified: true, key, signed: digest });
      expect(await ok('describe', gone)).toMatch(/Signature +1 in the store, not verified/);
      expect(await ok('describe', gone, '--verify-key', key)).toContain(`verified with ${key} (sha256:`);
      expect(await ok('describe', gone, '--verify-key', otherKey)).toMatch(
        /Signature +not verified: .*by another key.*the registry was not asked/,
      );
      // The same store, carried elsewhere.
      const carried = join(folder, 'carried');
      cpSync(store, carried, { recursive: true });
      const there = await beeOk(['describe', gone, '--verify-key', key, '--output', 'json'], {
        env: { ...env(), BEE_STORAGE: carried },
      });
      expect(JSON.parse(there).signature.verified).toBe(true);
    });

    it('are told from those that are unsigned, signed for another, or signed as something else', async () => {
      const unsigned = await refused('pull', name, '--verify-key', key);
      expect(unsigned).toContain(`in the registry ${registry.host}: none.`);
      expect(unsigned).toContain(`cosign sign --key cosign.key ${name.replace(':v1', '')}@${digest}`);

      await signTag(ours.privateKey, ABSENT, signatureTag(digest));
      expect(await refused('pull', name, '--verify-key', key)).toContain(
        `a signature for another image, ${ABSENT}.`,
      );
      await attach(
        dsseBundle(ours.privateKey, statement(digest, 'https://cosign.sigstore.dev/attestation/vuln/v1')),
      );
      const refusal = await refused('pull', name, '--verify-key', key);
      expect(refusal).toContain('a signature an attestation (');
      expect(await names()).toEqual([]);
      expect(await ok('pull', name)).toBe(`${digest}\n`);
      expect(await ok('describe', name)).toMatch(/Signature +2 in the store/);
    });

    it('of several machines pass by the index, or by the manifest of this machine', async () => {
      const here = { ...manifest.descriptor, platform: { os: 'linux', architecture: machine() } };
      const other = { ...manifest.descriptor, platform: { os: 'linux', architecture: 'riscv64' } };
      const index = blob(
        INDEX,
        JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [other, here] }),
      );
      await pushManifest(repository, index, 'v2');
      const many = name.replace(/v1$/, 'v2');
      expect(await refused('pull', many, '--verify-key', key)).toContain(
        `${index.descriptor.digest}, or ${digest} has no signature`,
      );
      await signTag(ours.privateKey, index.descriptor.digest);
      expect(JSON.parse(await ok('pull', many, '--verify-key', key, '--output', 'json'))).toMatchObject({
        digest: index.descriptor.digest,
        signedWith: key,
      });
      const described = async (): Promise<unknown> =>
        JSON.parse(await ok('describe', many, '--verify-key', key, '--output', 'json')).signature;
      expect(await described()).toMatchObject({ verified: true, signed: index.descriptor.digest });

      rmSync(store, { recursive: true });
      await fetch(`${repository}/manifests/${signatureTag(index.descriptor.digest)}`, {
        method: 'DELETE',
      });
      const third = blob(INDEX, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [here] }));
      await pushManifest(repository, third, 'v3');
      await attach(dsseBundle(ours.privateKey, statement(digest)));
      await ok('pull', name.replace(/v1$/, 'v3'), '--verify-key', key);
      expect(await names()).toEqual([name.replace(/v1$/, 'v3')]);
    });

    it('are what runs: bee run asks for the signature of the bytes that it loads', async () => {
      expect(await refused('run', name, '--prom-port', '0', '--verify-key', key)).toContain('is not trusted');
      expect(await names()).toEqual([]);
      await signTag(ours.privateKey);
      const flags = ['--prom-port', '0', '--no-tty', '--duration', '4s', '-d'];
      const { code, stderr } = await run('run', name, ...flags, '--verify-key', key);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stderr).toContain(`verified ${name} ${digest}: signed with ${key}`);

      // Somebody who writes the store gives the name to another image: its own digest is what counts.
      const path = join(store, 'index.json');
      const index = JSON.parse(readFileSync(path, 'utf8'));
      const swapped = blob(manifest.descriptor.mediaType, Buffer.concat([manifest.bytes, Buffer.from('\n')]));
      const blobs = join(store, 'blobs', 'sha256');
      writeFileSync(join(blobs, swapped.descriptor.digest.slice('sha256:'.length)), swapped.bytes);
      Object.assign(index.manifests[0], swapped.descriptor);
      writeFileSync(path, JSON.stringify(index));
      expect(await refused('run', name, ...flags, '--verify-key', key)).toContain(
        `${swapped.descriptor.digest} has no signature`,
      );
      // And a changed blob is no image at all.
      Object.assign(index.manifests[0], manifest.descriptor);
      writeFileSync(path, JSON.stringify(index));
      writeFileSync(join(blobs, digest.slice('sha256:'.length)), swapped.bytes);
      expect(await refused('run', name, ...flags, '--verify-key', key)).toContain('is damaged');

      const file = await run('run', './x.o', '--verify-key', key);
      expect(file).toMatchObject({ code: 2, stderr: expect.stringContaining('only images have signatures') });
    });

    it('run in the agent by its policy, offline too; what it refuses stays out', async () => {
      await signTag(ours.privateKey);
      await ok('pull', name);
      const plain = `${registry.host}/signed/plain${count}:v1`;
      await ok('tag', name, plain);
      const config = (probes: string, agent = `verify: { key: ${key} }`): string =>
        `probes:
${probes}
agent: { listen: "127.0.0.1:0", storage: ${store}, ${agent} }
`;
      const said = async (text: string, until: RegExp): Promise<string> => {
        const agent = await AgentProcess.start(text);
        await agent.until(() => until.test(agent.stderr));
        const { stderr } = agent;
        if (agent.child.exitCode === null) await agent.stop();
        return stderr;
      };
      const offline = await said(config(`  - { image: "${name}", pull: never }`), /running:|failed|error/);
      expect(offline).toContain(`verified ${name} ${digest}: signed with ${key}`);
      expect(offline).toContain('msg="running:');

      const other = await said(
        config(`  - { image: "${name}", pull: never, verify: { key: ${otherKey} } }`),
        /running:|no probe is running/,
      );
      expect(other).toMatch(/is not trusted.*by another key, or damaged; the registry was not asked/);
      expect(other).not.toContain('msg="running:');

      const lax = await said(
        config(`  - { image: "${name}", pull: never, verify: { key: ${otherKey}, require: false } }`),
        /running:|no probe is running/,
      );
      expect(lax).toContain('is not trusted');
      expect(lax).toContain('msg="running:');

      const forbidden = await said(
        config(`  - { image: "${name}" }`, 'allow: ["ghcr.io/solo-io/*", "127.0.0.1/*"]'),
        /running:|no probe is running/,
      );
      expect(forbidden).toContain(
        `${name} is not allowed: no entry of \`allow\` covers ${name.slice(0, -3)}.`,
      );
      const permitted = await said(
        config(`  - { image: "${name}" }`, `allow: ["${registry.host}/signed/*"]`),
        /running:|no probe is running/,
      );
      expect(permitted).toContain('msg="running:');

      // A key that anybody can write decides nothing for root.
      chmodSync(key, 0o666);
      expect(await said(config(`  - { image: "${name}" }`), /running:|no probe is running/)).toMatch(
        /cosign\.pub: refused, as root: others can write it \(mode 0666\)/,
      );
      chmodSync(key, 0o644);
      if (process.getuid?.() === 0) chownSync(key, 12_345, 0);
      expect(await said(config(`  - { image: "${name}" }`), /running:|no probe is running/)).toMatch(
        /cosign\.pub: refused, as root: it belongs to user 12345/,
      );
    });

    it('replace no signed image in the store with what is not signed', async () => {
      await signTag(ours.privateKey);
      await ok('pull', name, '--verify-key', key);
      // The tag now stands for another image, which nobody signed.
      const evil = blob(manifest.descriptor.mediaType, Buffer.concat([manifest.bytes, Buffer.from(' ')]));
      await pushManifest(repository, evil, 'v1');
      expect(await refused('pull', name, '--verify-key', key)).toContain(`${evil.descriptor.digest} has no`);
      const agent = await AgentProcess.start(
        `probes: [{ image: "${name}", pull: always, verify: { key: ${key} } }]
agent: { listen: "127.0.0.1:0", storage: ${store} }
`,
      );
      await agent.until(() => agent.child.exitCode !== null || agent.stderr.includes('running:'));
      expect(agent.child.exitCode).toBe(1);
      expect(agent.stderr).toContain(`${evil.descriptor.digest} has no signature`);
      const facts = JSON.parse(await ok('describe', name, '--output', 'json'));
      expect(facts.digest).toBe(digest);
    });

    it('are pinned by a digest, with and without a tag, from registry and store', async () => {
      const bare = name.replace(':v1', '');
      for (const pinned of [`${bare}@${digest}`, `${name}@${digest}`]) {
        expect(await ok('pull', pinned)).toBe(`${digest}\n`);
        expect(JSON.parse(await ok('describe', pinned, '--output', 'json')).digest).toBe(digest);
      }
      // The tag moves; what is pinned does not.
      const moved = blob(manifest.descriptor.mediaType, Buffer.concat([manifest.bytes, Buffer.from(' ')]));
      await pushManifest(repository, moved, 'v1');
      rmSync(store, { recursive: true });
      expect(await ok('pull', `${name}@${digest}`)).toBe(`${digest}\n`);
      expect(await ok('pull', name)).toBe(`${moved.descriptor.digest}\n`);
      expect(JSON.parse(await ok('describe', `${name}@${digest}`, '--output', 'json')).digest).toBe(digest);
      expect(await refused('pull', `${name}@${ABSENT}`)).toContain('the registry has no image');
      expect(await refused('describe', `${name}@${ABSENT}`)).toContain('no image');
      // A store that says something else under a pinned name is not believed.
      const path = join(store, 'index.json');
      const index = JSON.parse(readFileSync(path, 'utf8'));
      const entry = index.manifests.find((one: { annotations: Record<string, string> }) =>
        one.annotations['org.opencontainers.image.ref.name']?.includes('@'),
      );
      Object.assign(entry, moved.descriptor);
      writeFileSync(path, JSON.stringify(index));
      expect(await refused('run', `${name}@${digest}`, '--prom-port', '0')).toContain(
        `has ${moved.descriptor.digest} under the name ${name}@${digest}`,
      );
    });

    it('leave a store that is only read as it is', async () => {
      await signTag(ours.privateKey);
      await ok('pull', name);
      rmSync(join(store, 'signatures'), { recursive: true });
      const before = readdirSync(store);
      await ok('describe', name, '--verify-key', key);
      expect(readdirSync(store)).toEqual(before);
    });

    it('need a key that can be read, and say which one cannot', async () => {
      const missing = join(folder, 'none.pub');
      expect(await refused('pull', name, '--verify-key', missing)).toContain(
        `cannot verify with ${missing}: there is no such file`,
      );
      const secret = join(folder, 'cosign.key');
      writeFileSync(secret, ours.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      expect(await refused('pull', name, '--verify-key', secret)).toContain('it is a private key');
      mkdirSync(join(folder, 'dir.pub'));
      expect(await refused('pull', name, '--verify-key', join(folder, 'dir.pub'))).toContain('it is no file');
    });

    it('that somebody fills with rubbish are refused, and soon', async () => {
      const rubbish = Array.from({ length: 65 }, (_, i) =>
        signedLayer(ours.privateKey, payload(sha256(`${i}`))),
      );
      await pushImage(repository, signatureImage(...rubbish), signatureTag(digest));
      expect(await refused('pull', name, '--verify-key', key)).toContain(
        'not readable: it has 65 layers, more than the 64 allowed',
      );
      // One good signature among what else is there is enough.
      await attach(dsseBundle(ours.privateKey, statement(digest)));
      await ok('pull', name, '--verify-key', key);
      const large = signedLayer(ours.privateKey, payload(digest).padEnd(70_000));
      await pushImage(repository, signatureImage(large), signatureTag(digest));
      await pushManifest(repository, referrersIndex(), digest.replace(':', '-'));
      rmSync(store, { recursive: true });
      expect(await refused('pull', name, '--verify-key', key)).toMatch(
        /a signature that cannot be read: sha256:\S+ has 70000 bytes, more than the 65536 allowed/,
      );
    });
  },
);
