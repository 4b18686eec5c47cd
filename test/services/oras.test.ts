import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Digest, ImageStore, parseReference, Registries } from '../../core/oci/index.js';
import { isInstalled } from '../support/bee.js';
import { beeHere, beeHereOk } from '../support/bee-here.js';
import { DockerRegistry } from '../support/registry.js';
import {
  BUNDLE,
  blob,
  bundleImage,
  dsseBundle,
  MANIFEST,
  pushImage,
  pushManifest,
  referrersIndex,
  statement,
} from '../support/signatures.js';
import { builtService } from './service.js';

const run = promisify(execFile);
const STORE = fileURLToPath(new URL('../fixtures/bumblebee/store', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';
const CONFIG = 'application/ebpf.oci.image.config.v1+json';
const PROGRAM = 'application/ebpf.oci.image.program.v1+binary';

const program = builtService('oras');

describe.skipIf(!program || !isInstalled('docker-registry'))(
  'oras (skipped where build-oras.sh left nothing, or docker-registry is not installed)',
  () => {
    let registry: DockerRegistry;
    let folder: string;
    let store: ImageStore;
    const env = () => ({ HOME: folder, BEE_STORAGE: store.folder });
    const oras = async (...args: string[]): Promise<string> =>
      (await run(program!, args, { cwd: folder, env: { ...process.env, HOME: folder } })).stdout;

    beforeAll(async () => {
      registry = await DockerRegistry.start();
      folder = mkdtempSync(join(tmpdir(), 'bee-oras-'));
      store = new ImageStore(join(folder, 'store'));
      cpSync(STORE, store.folder, { recursive: true });
    });
    afterAll(async () => {
      await registry.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const push = async (repository: string): Promise<{ name: string; digest: Digest }> => {
      const name = `${registry.host}/${repository}:v1`;
      await beeHereOk(['tag', EXECS, name], { env: env() });
      return { name, digest: (await beeHereOk(['push', name], { env: env() })) as Digest };
    };

    it('pulls what bee pushed: program and config under their titles, the same bytes', async () => {
      const { name, digest } = await push('oras/ours');
      const out = join(folder, 'out');
      await oras('pull', '--plain-http', name, '-o', out);
      expect(readdirSync(out)).toEqual(['config.json', 'program.o']);
      const probe = await store.readProbe(name);
      expect(Buffer.compare(readFileSync(join(out, 'program.o')), probe!.program)).toBe(0);
      const resolved = await oras('resolve', '--plain-http', name);
      expect(resolved.trim()).toBe(digest);
      const manifest = JSON.parse(await oras('manifest', 'fetch', '--plain-http', name));
      expect(manifest.config.mediaType).toBe(CONFIG);
    });

    it('pulls an index of several machines by platform', async () => {
      writeFileSync(
        join(folder, 'two.c'),
        '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("tracepoint/sched/sched_process_exec") int on_exec(void *ctx) { return 0; }\nchar LICENSE[] SEC("license") = "GPL";\n',
      );
      const name = `${registry.host}/oras/two:v1`;
      await beeHereOk(['build', join(folder, 'two.c'), name, '--arch', 'amd64,arm64'], { env: env() });
      const pushed = await beeHereOk(['push', name], { env: env() });
      expect((await oras('resolve', '--plain-http', name)).trim()).toBe(pushed);
      const index = JSON.parse(await oras('manifest', 'fetch', '--plain-http', name));
      expect(
        index.manifests.map((one: { platform: { architecture: string } }) => one.platform.architecture),
      ).toEqual(['amd64', 'arm64']);
      for (const [n, platform] of ['linux/amd64', 'linux/arm64'].entries()) {
        const resolved = await oras('resolve', '--plain-http', '--platform', platform, name);
        expect(resolved.trim()).toBe(index.manifests[n].digest);
        const other = { ...env(), BEE_STORAGE: join(folder, `other-${n}`) };
        await beeHereOk(['pull', name], { env: other });
        const arch = platform.slice('linux/'.length);
        const described = JSON.parse(
          await beeHereOk(['describe', name, '--arch', arch, '--output', 'json'], { env: other }),
        );
        expect(described.manifestDigest).toBe(index.manifests[n].digest);
      }
    });

    it('writes what bee pulls, describes and tags', async () => {
      const probe = await store.readProbe(EXECS);
      writeFileSync(join(folder, 'program.o'), probe!.program);
      writeFileSync(join(folder, 'config.json'), '{}');
      const name = `${registry.host}/oras/theirs:v1`;
      await oras(
        ...['push', '--plain-http', name, '--config', `config.json:${CONFIG}`],
        ...['--annotation', 'org.opencontainers.image.description=Written by oras', `program.o:${PROGRAM}`],
      );
      const digest = await beeHereOk(['pull', name], { env: env() });
      expect(digest).toBe((await oras('resolve', '--plain-http', name)).trim());
      const described = JSON.parse(await beeHereOk(['describe', name, '--output', 'json'], { env: env() }));
      expect(described.maps.map((map: { name: string }) => map.name)).toEqual(
        JSON.parse(await beeHereOk(['describe', EXECS, '--output', 'json'], { env: env() })).maps.map(
          (map: { name: string }) => map.name,
        ),
      );
      expect(described.annotations['org.opencontainers.image.description']).toBe('Written by oras');
      // And back, under another name: byte for byte what oras wrote.
      await beeHereOk(['tag', name, `${registry.host}/oras/back:v2`], { env: env() });
      expect(await beeHereOk(['push', `${registry.host}/oras/back:v2`], { env: env() })).toBe(digest);
      await oras('pull', '--plain-http', `${registry.host}/oras/back:v2`, '-o', join(folder, 'back'));
    });

    it('writes what is no probe, which bee says', async () => {
      writeFileSync(join(folder, 'notes.txt'), 'no program');
      const name = `${registry.host}/oras/notes:v1`;
      await oras('push', '--plain-http', name, 'notes.txt');
      const { code, stderr } = await beeHere(['describe', name], { env: env() });
      expect(code).toBe(1);
      expect(stderr).toMatch(/is not an eBPF image: no layer of type/);
    });

    it('discovers a signature that bee pulled and pushed elsewhere, beside what it attached there', async () => {
      const { name, digest } = await push('oras/signed');
      const manifest = blob(MANIFEST, await oras('manifest', 'fetch', '--plain-http', name));
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const bundle = bundleImage(dsseBundle(privateKey, statement(digest)), manifest.descriptor);
      const repository = `http://${registry.host}/v2/oras/signed`;
      await pushImage(repository, bundle);
      await pushManifest(repository, referrersIndex(bundle), digest.replace(':', '-'));
      // In a store of its own: kept signatures are the image's, under whatever name it is pushed.
      const mirror = { env: { ...env(), BEE_STORAGE: join(folder, 'mirror') } };
      await beeHereOk(['pull', name], mirror);

      const copy = `${registry.host}/oras/mirror:v1`;
      await beeHereOk(['tag', name, copy], mirror);
      await beeHereOk(['push', copy, '--no-signatures'], mirror);
      writeFileSync(join(folder, 'sbom.json'), '{}');
      await oras('attach', '--plain-http', copy, '--artifact-type', 'application/x.sbom', 'sbom.json');
      await beeHereOk(['push', copy], mirror);
      const found = JSON.parse(await oras('discover', '--plain-http', '--format', 'json', copy));
      const types = (found.referrers ?? found.manifests).map(
        ({ artifactType }: { artifactType: string }) => artifactType,
      );
      expect(types.sort()).toEqual([BUNDLE, 'application/x.sbom'].sort());
    });

    it('attaches what bee finds, by the tag that stands in for the referrers API', async () => {
      const { name, digest } = await push('oras/attached');
      writeFileSync(join(folder, 'sbom.json'), '{}');
      const attach = ['attach', '--plain-http', name, '--artifact-type', 'application/x.sbom', 'sbom.json'];
      await oras(...attach);
      await oras(...attach, '--annotation', 'second=true');
      const registries = new Registries({ env: {} });
      try {
        const found = await registries.referrers(parseReference(name), digest);
        expect(found).toHaveLength(2);
        expect(found).toEqual(Array(2).fill(expect.objectContaining({ artifactType: 'application/x.sbom' })));
      } finally {
        await registries.close();
      }
    });
  },
);
