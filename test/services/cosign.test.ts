import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bee, beeOk, isInstalled } from '../support/bee.js';
import { DockerRegistry } from '../support/registry.js';
import { payload, pushImage, signatureImage, signatureTag, signedLayer } from '../support/signatures.js';
import { builtService } from './service.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/bumblebee/', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';
const COSIGN = builtService('cosign') ?? '';
const why = COSIGN ? 'docker-registry is not installed' : 'not built: test/services/build-cosign.sh';

/** Kinds of keys that cosign imports; the first is what its generate-key-pair makes. */
const KEYS: readonly (readonly [kind: string, make: () => KeyObject])[] = [
  ['ECDSA P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['ECDSA P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['ECDSA P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey],
  ['RSA 2048', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['RSA 4096', () => generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey],
  ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
];

describe.skipIf(!COSIGN || !isInstalled('docker-registry'))(`the real cosign (${why}: skipped)`, () => {
  let registry: DockerRegistry;
  let folder: string;
  let digest: string;
  let count = 0;
  const env = (storage = 'store'): NodeJS.ProcessEnv => ({
    BEE_STORAGE: join(folder, storage),
    HOME: folder,
    DOCKER_CONFIG: join(folder, '.docker'),
  });
  const cosign = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(COSIGN, args, {
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
    await beeOk(['tag', EXECS, `${name}:v1`], { env: env() });
    digest = (await beeOk(['push', `${name}:v1`], { env: env() })).trim();
    return name;
  };
  const pull = (name: string, key: string, storage: string) =>
    bee(['pull', `${name}:v1`, '--verify-key', join(folder, key)], { env: env(storage) });

  beforeAll(async () => {
    registry = await DockerRegistry.start();
    folder = mkdtempSync(join(tmpdir(), 'bee-cosign-'));
    cpSync(join(FIXTURES, 'store'), join(folder, 'store'), { recursive: true });
    KEYS.forEach(([, make], i) => {
      writeFileSync(join(folder, `${i}.pem`), make().export({ type: 'pkcs8', format: 'pem' }));
      cosign('import-key-pair', '--key', `${i}.pem`, '--output-key-prefix', `key${i}`, '-y');
    });
    cosign('generate-key-pair');
  });
  afterAll(async () => {
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['under the signature tag', []],
    ['as a bundle', ['--new-bundle-format']],
    ['under OCI 1.1', ['--registry-referrers-mode', 'oci-1-1']],
  ])('signs %s with every kind of key what we then verify, and nobody else', async (_how, flags) => {
    for (const [i, [kind]] of KEYS.entries()) {
      const name = await push();
      cosign('sign', '--key', `key${i}.key`, '--tlog-upload=false', '-y', ...flags, `${name}@${digest}`);
      expect(await pull(name, `key${i}.pub`, `with-${i}`), kind).toMatchObject({
        code: 0,
        stdout: `${digest}\n`,
      });
      const other = await pull(name, 'cosign.pub', 'other');
      expect(other, kind).toMatchObject({ code: 1, stdout: '' });
      expect(other.stderr).toContain('a signature by another key, or damaged');
    }
  });

  it('makes many signatures of one image, and an attestation that is none', async () => {
    const name = await push();
    writeFileSync(join(folder, 'predicate.json'), '{}');
    const attest = ['--predicate', 'predicate.json', '--type', 'vuln', '--tlog-upload=false', '-y'];
    cosign('attest', '--key', 'cosign.key', '--new-bundle-format', ...attest, `${name}@${digest}`);
    const attested = await pull(name, 'cosign.pub', 'attested');
    expect(attested.code).toBe(1);
    expect(attested.stderr).toContain('an attestation (');
    for (const key of ['key0', 'key3', 'cosign'])
      cosign('sign', '--key', `${key}.key`, '--tlog-upload=false', '-y', `${name}@${digest}`);
    for (const key of ['key0', 'key3', 'cosign'])
      expect(await pull(name, `${key}.pub`, `many-${key}`)).toMatchObject({ code: 0 });
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
    await beeOk(['build', source, `${name}:v1`, '--arch', 'amd64,arm64'], { env: env() });
    const index = (await beeOk(['push', `${name}:v1`], { env: env() })).trim();
    expect((await pull(name, 'cosign.pub', 'unsigned-index')).code).toBe(1);
    cosign('sign', '--key', 'cosign.key', '--tlog-upload=false', '-y', `${name}@${index}`);
    expect(await pull(name, 'cosign.pub', 'signed-index')).toMatchObject({ code: 0, stdout: `${index}\n` });
    cosign('sign', '--key', 'key1.key', '--tlog-upload=false', '-y', '--recursive', `${name}@${index}`);
    const described = await beeOk(['pull', `${name}:v1`, '--verify-key', join(folder, 'key1.pub')], {
      env: env('recursive'),
    });
    expect(described.trim()).toBe(index);
  });

  it('verifies what test/support/signatures.ts signs, as our other tests do', async () => {
    const name = await push();
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(folder, 'ours.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    const url = `http://${registry.host}/v2/${name.slice(registry.host.length + 1)}`;
    await pushImage(url, signatureImage(signedLayer(privateKey, payload(digest))), signatureTag(digest));
    const verified = cosign(
      'verify',
      '--key',
      'ours.pub',
      '--insecure-ignore-tlog',
      '--private-infrastructure',
      `${name}@${digest}`,
    );
    expect(verified).toContain(digest);
  });
});
