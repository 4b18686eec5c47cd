import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ImageStore,
  OciError,
  type Probe,
  PublicKey,
  parseReference,
  pullImage,
  pushImage,
  Registries,
  verifyImage,
} from '../../core/oci/index.js';
import { bee, beeOk, isInstalled } from '../support/bee.js';
import { DockerRegistry } from '../support/registry.js';
import {
  payload,
  pushImage as pushSigned,
  signatureImage,
  signatureTag,
  signedLayer,
} from '../support/signatures.js';
import { builtService } from './service.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/bumblebee/', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';
const HERE = isInstalled('docker-registry');
/** Of cosign 3 the build takes minutes more: it is made with BEE_COSIGN3=1. */
const VERSIONS = ['v2.6.5', 'v3.1.3'].map((version) => ({
  version,
  program: builtService('cosign', version) ?? '',
}));

/** Without a transparency log, which is no part of what we verify. The versions have other defaults for all of it. */
const OFFLINE = ['-y', '--tlog-upload=false', '--use-signing-config=false'];
const TAG = [...OFFLINE, '--new-bundle-format=false'];
const BUNDLE = [...OFFLINE, '--new-bundle-format=true'];
const OCI_1_1 = [...TAG, '--registry-referrers-mode', 'oci-1-1'];
const CONFIGURED = ['-y', '--new-bundle-format=true', '--signing-config', 'signing.json'];
const VERIFY = ['--insecure-ignore-tlog', '--private-infrastructure'];

/** Kinds of keys that cosign imports; the first is what its generate-key-pair makes. */
const KEYS: readonly (readonly [kind: string, make: () => KeyObject])[] = [
  ['ECDSA P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['ECDSA P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['ECDSA P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey],
  ['RSA 2048', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['RSA 4096', () => generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey],
  ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
];

for (const { version, program } of VERSIONS) {
  const why = program ? 'docker-registry is not installed' : 'not built: test/services/build-cosign.sh';
  describe.skipIf(!program || !HERE)(`the real cosign ${version} (${why}: skipped)`, () =>
    withCosign(program, version),
  );
}

function withCosign(program: string, version: string): void {
  let registry: DockerRegistry;
  let registries: Registries;
  let folder: string;
  let digest: string;
  let count = 0;
  const cosign = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, HOME: folder, COSIGN_PASSWORD: '', COSIGN_EXPERIMENTAL: '1' },
    });
    if (status !== 0) throw new Error(`cosign ${args.join(' ')} ended with ${status}:\n${stderr}`);
    return stdout;
  };
  /** A fresh repository with the image, not signed. */
  const push = async (): Promise<string> => {
    const name = `${registry.host}/cosign/image${++count}`;
    const to = parseReference(`${name}:v1`);
    ({ digest } = await pushImage(new ImageStore(join(folder, 'store')), registries, parseReference(EXECS), {
      to,
    }));
    return name;
  };
  /** Pull into a store of its own what is signed with a key: the digest, or why not. */
  const pull = async (name: string, ...keys: string[]): Promise<string> => {
    const reference = parseReference(`${name}:v1`);
    const store = new ImageStore(join(folder, `pulled${++count}`));
    const policy = {
      keys: await Promise.all(keys.map((key) => PublicKey.read(join(folder, key)))),
      require: true,
    };
    const warn = (message: string): void => expect.fail(message);
    try {
      const { digest: pulled } = await pullImage(registries, store, reference, {
        check: (documents) =>
          verifyImage(reference, documents, policy, { stores: [store], registries, warn }),
      });
      // And once more from what was kept.
      const { documents } = (await store.readProbe(reference)) as Probe;
      await verifyImage(reference, documents, policy, { stores: [store], warn });
      return pulled;
    } catch (error) {
      if (error instanceof OciError && error.code === 'UNTRUSTED') return error.message;
      throw error;
    }
  };

  beforeAll(async () => {
    registry = await DockerRegistry.start();
    registries = new Registries({ env: {} });
    folder = mkdtempSync(join(tmpdir(), 'bee-cosign-'));
    cpSync(join(FIXTURES, 'store'), join(folder, 'store'), { recursive: true });
    KEYS.forEach(([, make], i) => {
      writeFileSync(join(folder, `${i}.pem`), make().export({ type: 'pkcs8', format: 'pem' }));
      cosign('import-key-pair', '--key', `${i}.pem`, '--output-key-prefix', `key${i}`, '-y');
    });
    cosign('generate-key-pair');
    cosign('signing-config', 'create', '--out', 'signing.json');
    // It has no trusted root here, which bundles want even with a key: an empty one will do.
    cosign('trusted-root', 'create', '--out', 'root.json');
  });
  afterAll(async () => {
    await registries.close();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each<readonly [how: string, flags: string[]]>([
    ['under the signature tag', TAG],
    ['as a bundle', BUNDLE],
    // cosign 2 does not verify itself what it signs so with Ed25519.
    ...(version < 'v3' ? [] : [['as a bundle, by a signing config without services', CONFIGURED] as const]),
    ['under OCI 1.1', OCI_1_1],
  ])('signs %s with every kind of key what we then verify, and nobody else', async (_how, flags) => {
    for (const [i, [kind]] of KEYS.entries()) {
      const name = await push();
      cosign('sign', '--key', `key${i}.key`, ...flags, `${name}@${digest}`);
      expect(await pull(name, `key${i}.pub`), kind).toBe(digest);
      expect(await pull(name, 'cosign.pub'), kind).toContain('a signature by another key, or damaged');
    }
  });

  it.each([
    ['under the signature tag', TAG, ['--new-bundle-format=false']],
    ['as a bundle', BUNDLE, ['--new-bundle-format', '--trusted-root', 'root.json']],
    ['under OCI 1.1', OCI_1_1, ['--new-bundle-format=false', '--experimental-oci11']],
  ])('verifies %s what bee pulled and pushed, beside what was signed there', async (form, flags, how) => {
    const sign = ['sign', ...flags];
    const name = await push();
    cosign(...sign, '--key', 'key0.key', `${name}@${digest}`);
    const mirror = await DockerRegistry.start();
    try {
      const env = { BEE_STORAGE: join(folder, `mirror${++count}`), HOME: folder };
      const copy = name.replace(registry.host, mirror.host);
      await beeOk(['pull', `${name}:v1`], { env });
      await beeOk(['tag', `${name}:v1`, `${copy}:v1`], { env });
      await beeOk(['push', `${copy}:v1`, '--no-signatures'], { env });
      cosign(...sign, '--key', 'key4.key', `${copy}@${digest}`);
      const pushed = JSON.parse(await beeOk(['push', `${copy}:v1`, '--output', 'json'], { env }));
      expect(pushed).toMatchObject({ digest, signatures: 1 });

      const verify = ['verify', ...VERIFY, ...how];
      // Of several referrers as simple signing, cosign looks at the last only.
      for (const key of form === 'under OCI 1.1' ? ['key0'] : ['key0', 'key4'])
        expect(cosign(...verify, '--key', `${key}.pub`, `${copy}:v1`), key).toContain(digest);
      expect(() => cosign(...verify, '--key', 'key1.pub', `${copy}:v1`)).toThrow('cosign verify');
    } finally {
      await mirror.stop();
    }
  });

  it('makes many signatures of one image, and an attestation that is none', async () => {
    const name = await push();
    writeFileSync(join(folder, 'predicate.json'), '{}');
    const attest = ['--predicate', 'predicate.json', '--type', 'vuln', ...BUNDLE];
    cosign('attest', '--key', 'cosign.key', ...attest, `${name}@${digest}`);
    expect(await pull(name, 'cosign.pub')).toContain('an attestation (');
    for (const key of ['key0', 'key3', 'cosign'])
      cosign('sign', '--key', `${key}.key`, ...TAG, `${name}@${digest}`);
    for (const key of ['key0', 'key3', 'cosign']) expect(await pull(name, `${key}.pub`)).toBe(digest);
  });

  it('is what bee pull and bee describe take a key of', async () => {
    const name = await push();
    const env = { BEE_STORAGE: join(folder, 'of-bee'), HOME: folder };
    const flags = [`${name}:v1`, '--verify-key', join(folder, 'cosign.pub')];
    expect(await bee(['pull', ...flags], { env })).toMatchObject({ code: 1, stdout: '' });
    cosign('sign', '--key', 'cosign.key', ...TAG, `${name}@${digest}`);
    expect(await bee(['pull', ...flags], { env })).toEqual({ code: 0, stdout: `${digest}\n`, stderr: '' });
    expect(await beeOk(['describe', ...flags], { env })).toContain('verified with ');
  });

  it('signs an index, and with --recursive the images in it', async () => {
    const name = `${registry.host}/cosign/index`;
    const source = join(folder, 'probe.c');
    writeFileSync(
      source,
      `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("tracepoint/sched/sched_process_exec") int on_exec(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
`,
    );
    const storage = { BEE_STORAGE: join(folder, 'store'), HOME: folder };
    await beeOk(['build', source, `${name}:v1`, '--arch', 'amd64,arm64'], { env: storage });
    const { digest: index } = await pushImage(
      new ImageStore(join(folder, 'store')),
      registries,
      parseReference(`${name}:v1`),
    );
    expect(await pull(name, 'cosign.pub')).toContain(`${index}, or sha256:`);
    cosign('sign', '--key', 'cosign.key', ...TAG, `${name}@${index}`);
    expect(await pull(name, 'cosign.pub')).toBe(index);
    cosign('sign', '--key', 'key1.key', ...TAG, '--recursive', `${name}@${index}`);
    expect(await pull(name, 'key1.pub')).toBe(index);
  });

  it('verifies what test/support/signatures.ts signs, as our other tests do', async () => {
    const name = await push();
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(folder, 'ours.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    const url = `http://${registry.host}/v2/${name.slice(registry.host.length + 1)}`;
    await pushSigned(url, signatureImage(signedLayer(privateKey, payload(digest))), signatureTag(digest));
    const flags = [...VERIFY, '--new-bundle-format=false'];
    const verified = cosign('verify', '--key', 'ours.pub', ...flags, `${name}@${digest}`);
    expect(verified).toContain(digest);
  });
}
