import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Digest, parseReference, Registries } from '../../core/oci/index.js';
import { beeHere, beeHereOk } from '../support/bee-here.js';
import { freePort } from '../support/registry.js';
import { BUNDLE } from '../support/signatures.js';
import { builtService, Service } from './service.js';

const run = promisify(execFile);
const STORE = fileURLToPath(new URL('../fixtures/bumblebee/store', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';
const SBOM = 'application/x.sbom';

const program = builtService('referrers-registry');
const oras = builtService('oras');
const cosign = builtService('cosign');

describe.skipIf(!program || !oras || !cosign).each([
  { shape: 'subject', what: 'says what it has listed (OCI-Subject)', tags: ['v1'] },
  // Who is not told that the registry has listed a referrer lists it himself (distribution spec 1.1).
  { shape: 'silent', what: 'lists referrers and does not say so', tags: ['sha256-', 'v1'] },
])(
  'a registry with the referrers API that $what (it, oras or cosign is not built: skipped)',
  ({ shape, tags }) => {
    let registry: Service;
    let registries: Registries;
    let host: string;
    let folder: string;
    let digest: Digest;
    let count = 0;

    const tool = async (file: string, ...args: string[]): Promise<string> => {
      const env = { ...process.env, HOME: folder, COSIGN_PASSWORD: '' };
      return (await run(file, args, { cwd: folder, env })).stdout;
    };
    const env = (store = 'store') => ({ HOME: folder, BEE_STORAGE: join(folder, store) });
    const sign = (name: string, key: string): Promise<string> =>
      tool(
        cosign!,
        ...['sign', '--key', `${key}.key`, '-y', '--tlog-upload=false', '--use-signing-config=false'],
        ...['--new-bundle-format=true', `${name}@${digest}`],
      );
    /** A fresh repository with the image, not signed. */
    const push = async (): Promise<string> => {
      const name = `${host}/referrers/image${++count}`;
      await beeHereOk(['tag', EXECS, `${name}:v1`], { env: env() });
      digest = (await beeHereOk(['push', `${name}:v1`], { env: env() })) as Digest;
      return name;
    };
    /** Into a store of its own, if it is signed with the key. */
    const pull = (name: string, key: string, store = `pulled${++count}`) =>
      beeHere(['pull', `${name}:v1`, '--verify-key', join(folder, `${key}.pub`)], { env: env(store) });
    /** The tags, those of referrers without their digest. */
    const tagsOf = async (name: string): Promise<string[]> =>
      (await registries.tags(parseReference(name)))
        .map((tag) => tag.replace(digest.replace(':', '-'), 'sha256-'))
        .sort();
    /** What these referrers are by their own manifests: go-containerregistry's list has the type of their config. */
    const typesOf = async (name: string, referrers: readonly { digest: string }[]): Promise<string[]> => {
      const path = name.slice(host.length + 1);
      const manifests = referrers.map(async (referrer) => {
        const response = await fetch(`http://${host}/v2/${path}/manifests/${referrer.digest}`);
        return ((await response.json()) as { artifactType: string }).artifactType;
      });
      return (await Promise.all(manifests)).sort();
    };
    const found = async (name: string): Promise<string[]> => {
      const referrers = await registries.referrers(parseReference(name), digest);
      return typesOf(name, referrers as { digest: string }[]);
    };
    const discovered = async (name: string): Promise<string[]> => {
      const said = JSON.parse(
        await tool(oras!, 'discover', '--plain-http', '--format', 'json', `${name}:v1`),
      );
      return typesOf(name, said.referrers ?? said.manifests);
    };

    beforeAll(async () => {
      const address = `127.0.0.1:${await freePort()}`;
      registry = await Service.start({
        program: program!,
        args: () => [address, shape],
        ready: `http://${address}/v2/`,
      });
      host = address;
      registries = new Registries({ env: {} });
      folder = mkdtempSync(join(tmpdir(), 'bee-referrers-'));
      cpSync(STORE, join(folder, 'store'), { recursive: true });
      writeFileSync(join(folder, 'sbom.json'), '{}');
      for (const key of ['ada', 'bob']) await tool(cosign!, 'generate-key-pair', '--output-key-prefix', key);
      await tool(cosign!, 'trusted-root', 'create', '--out', 'root.json');
    });
    afterAll(async () => {
      await registries?.close();
      await registry?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('is asked for the bundle that cosign made, and for no other', async () => {
      const name = await push();
      await sign(name, 'ada');
      expect(await pull(name, 'ada')).toMatchObject({ code: 0, stdout: `${digest}\n` });
      expect(await pull(name, 'bob')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('a signature by another key, or damaged'),
      });
      await sign(name, 'bob');
      expect(await pull(name, 'bob')).toMatchObject({ code: 0, stdout: `${digest}\n` });
    });

    it('has what oras attached once, and oras discovers it beside the signature', async () => {
      const name = await push();
      await sign(name, 'ada');
      const attach = ['attach', '--plain-http', `${name}:v1`, '--artifact-type', SBOM, 'sbom.json'];
      await tool(oras!, ...attach);
      expect(await found(name)).toEqual([BUNDLE, SBOM].sort());
      expect(await discovered(name)).toEqual([BUNDLE, SBOM].sort());
      expect(await pull(name, 'ada')).toMatchObject({ code: 0 });
    });

    it('gets the kept bundle by bee push, listed once, with the tag only where the registry is silent', async () => {
      const name = await push();
      await sign(name, 'ada');
      const mirror = { env: env('mirror') };
      await beeHereOk(['pull', `${name}:v1`], mirror);
      const copy = `${host}/copies/${shape}`;
      await beeHereOk(['tag', `${name}:v1`, `${copy}:v1`], mirror);
      expect(await beeHereOk(['push', `${copy}:v1`], mirror)).toBe(digest);
      expect(await tagsOf(copy)).toEqual(tags);
      // What was there is not sent again, nor listed twice.
      const again = JSON.parse(await beeHereOk(['push', `${copy}:v1`, '--output', 'json'], mirror));
      expect(again).toMatchObject({ digest });
      expect(await found(copy)).toEqual([BUNDLE]);
      expect(await discovered(copy)).toEqual([BUNDLE]);
      expect(await tagsOf(copy)).toEqual(tags);

      expect(await pull(copy, 'ada')).toMatchObject({ code: 0, stdout: `${digest}\n` });
      expect(await pull(copy, 'bob')).toMatchObject({ code: 1 });
      const verified = await tool(
        cosign!,
        ...['verify', '--insecure-ignore-tlog', '--private-infrastructure', '--new-bundle-format'],
        ...['--trusted-root', 'root.json', '--key', 'ada.pub', `${copy}:v1`],
      );
      expect(verified).toContain(digest);
    });
  },
);
