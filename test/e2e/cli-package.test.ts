import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runAgent } from '../support/agent.js';
import { ARCHITECTURE, makeBaseImage } from '../support/base-image.js';
import { bee, beeOk, isInstalled, run } from '../support/bee.js';
import { noEngine } from '../support/podman.js';
import { DockerRegistry } from '../support/registry.js';
import { payload, pushImage, signatureImage, signatureTag, signedLayer } from '../support/signatures.js';

const REFERENCE = 'localhost/packaged:v1';

let folder: string;
const path = (name: string) => join(folder, name);
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bee-package-'));
  writeFileSync(
    path('probe.c'),
    `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "bee.h"
const volatile __u32 add = 1;
struct exec_event { char comm[16]; __u32 sum; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); __type(value, struct exec_event); } print_execs SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } counter_execs SEC(".maps");
SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	__u32 first = 0;
	__u64 *count = bpf_map_lookup_elem(&counter_execs, &first);
	if (count)
		__sync_fetch_and_add(count, 1);
	struct exec_event *event = bpf_ringbuf_reserve(&print_execs, sizeof(*event), 0);
	if (!event)
		return 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->sum = add;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`,
  );
  await beeOk(['build', path('probe.c'), REFERENCE, '--storage', path('store')]);
  makeBaseImage(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const packaged = (...flags: string[]) => [
  ...['package', REFERENCE, 'execs:v1', '--storage', path('store'), '--base', path('base.tar')],
  ...flags,
];

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

/** Read a layout as a stranger would: every digest and size is compared. */
function readLayout(layout: string) {
  const blob = ({ digest, size }: Descriptor) => {
    const bytes = readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
    expect({ size: bytes.length, digest: `sha256:${sha256(bytes)}` }).toEqual({ size, digest });
    return bytes;
  };
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const manifest = JSON.parse(blob(index.manifests[0]).toString());
  const config = JSON.parse(blob(manifest.config).toString());
  const layers: Buffer[] = manifest.layers.map(blob);
  return { index, manifest, config, layers };
}

/**
 * Unpack what is ours of a layout's image, and write its config to unpacked.yaml as it lies in the container, but for
 * the folder that it is unpacked in. --check never asks a registry. Returns the config as it lies there.
 */
function unpackProbe(layout: string, root: string) {
  mkdirSync(root);
  for (const { digest } of readLayout(layout).manifest.layers.slice(1))
    run('tar', '-C', root, '-xf', join(layout, 'blobs', digest.replace(':', '/')));
  const config = readFileSync(join(root, 'etc/bee-agent/probes.yaml'), 'utf8');
  writeFileSync(
    path('unpacked.yaml'),
    config.replaceAll('"/etc', `"${root}/etc`).replaceAll('"/var', `"${root}/var`),
  );
  return JSON.parse(config);
}

describe('bee package', () => {
  it('writes a layout in which every digest, size and diff id is right', async () => {
    const digest = (await beeOk(packaged('--layout', path('layout')))).trim();
    const { index, manifest, config, layers } = readLayout(path('layout'));
    expect(index.manifests).toEqual([
      expect.objectContaining({ digest, annotations: { 'org.opencontainers.image.ref.name': 'execs:v1' } }),
    ]);
    expect(manifest.mediaType).toBe('application/vnd.oci.image.manifest.v1+json');
    const unpacked = layers.map((bytes, n) =>
      manifest.layers[n].mediaType.endsWith('+gzip')
        ? execFileSync('gunzip', ['-c'], { input: bytes, maxBuffer: 1 << 30 })
        : bytes,
    );
    expect(config.rootfs.diff_ids).toEqual(unpacked.map((bytes) => `sha256:${sha256(bytes)}`));
    expect(config.config).toMatchObject({ User: '0', Cmd: [], ExposedPorts: { '9091/tcp': {} } });
    expect(config.config.Env).toEqual([
      'PATH=/usr/bin:/bin',
      'HOME=/root',
      'LD_LIBRARY_PATH=/opt/bee-agent/lib',
    ]);
    expect(config.history).toHaveLength(3);
  });

  it('makes the same bytes of the same input, with whatever time SOURCE_DATE_EPOCH says', async () => {
    await beeOk(packaged('--archive', path('one.tar')));
    await beeOk(packaged('--archive', path('two.tar')), { env: { TZ: 'Asia/Tokyo' } });
    expect(sha256(readFileSync(path('two.tar')))).toBe(sha256(readFileSync(path('one.tar'))));
    await beeOk(packaged('--layout', path('dated')), { env: { SOURCE_DATE_EPOCH: '1700000000' } });
    expect(readLayout(path('dated')).config.created).toBe('2023-11-14T22:13:20Z');
  }, 60_000);

  it('keeps other images of a layout', async () => {
    await beeOk(packaged('--layout', path('shared')));
    const other = packaged('--layout', path('shared'), '--param', 'add=2');
    other[2] = 'execs:v2';
    await beeOk(other);
    await beeOk(other);
    const { manifests } = JSON.parse(readFileSync(join(path('shared'), 'index.json'), 'utf8'));
    expect(manifests.map(({ annotations }: never) => Object.values(annotations)[0])).toEqual([
      'execs:v1',
      'execs:v2',
    ]);
  });

  it('runs: metrics on every interface, events on standard output and on loopback only', async ({ skip }) => {
    if (!isInstalled('ip') || !isInstalled('unshare')) skip('ip and unshare are not installed');
    const flags = ['--layout', path('run'), '--param', 'add=41'];
    await beeOk(packaged(...flags));
    const { manifest, config } = readLayout(path('run'));
    const root = path('root');
    mkdirSync(root);
    for (const { digest } of manifest.layers)
      run('tar', '-C', root, '-xf', join(path('run'), 'blobs', digest.replace(':', '/')));
    const script = `set -e
ip link set lo up
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
shift_root=$1; shift
env -i ${config.config.Env.map((line: string) => `'${line}'`).join(' ')} "$(command -v chroot)" "$shift_root" "$@" --duration 6s >"$shift_root/../out" 2>"$shift_root/../err" &
agent=$!
node --input-type=module -e '
import { execFileSync } from "node:child_process";
const until = Date.now() + 5000;
for (;;) {
  execFileSync("/bin/true");
  const text = await fetch("http://127.0.0.1:9091/metrics").then((r) => r.text(), () => "");
  if (/^ebpf_solo_io_counter_execs.* [1-9]/m.test(text)) { console.log(text); break; }
  if (Date.now() > until) break;
  await new Promise((done) => setTimeout(done, 100));
}
console.log("events:", await fetch("http://127.0.0.1:9091/events").then((r) => r.status, () => 0));
'
wait $agent
`;
    const args = ['--mount', '--net', 'bash', '-c', script, 'bash', root, ...config.config.Entrypoint];
    const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 25_000 });
    const log = existsSync(path('err')) ? readFileSync(path('err'), 'utf8') : stderr;
    expect(stdout, log).toMatch(/^ebpf_solo_io_counter_execs.* [1-9]/m);
    expect(stdout).toContain('events: 404');
    expect(log).toContain('metrics at http://[::]:9091/metrics');
    expect(log).toContain('listening on http://127.0.0.1:9092');
    const events = readFileSync(path('out'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ data }) => data)).toContainEqual({ comm: 'true', sum: 41 });
  });

  it('is valid to skopeo and umoci, as a layout and as both kinds of archive', async ({ skip }) => {
    if (!isInstalled('skopeo') || !isInstalled('umoci')) skip('skopeo and umoci are not installed');
    const digest = (await beeOk(packaged('--layout', path('valid'), '--archive', path('valid.tar')))).trim();
    const inspect = (source: string) => JSON.parse(run('skopeo', 'inspect', source));
    expect(inspect(`oci:${path('valid')}:execs:v1`)).toMatchObject({
      Digest: digest,
      Architecture: ARCHITECTURE,
    });
    expect(inspect(`oci-archive:${path('valid.tar')}`)).toMatchObject({ Digest: digest });
    expect(inspect(`docker-archive:${path('valid.tar')}`).Layers).toHaveLength(3);
    run(
      'skopeo',
      '--insecure-policy',
      'copy',
      `docker-archive:${path('valid.tar')}`,
      `oci:${path('copied')}:v1`,
    );
    expect(readLayout(path('copied')).layers).toHaveLength(3);
    run('umoci', 'unpack', '--image', `${path('valid')}:execs:v1`, path('bundle'));
    expect(existsSync(join(path('bundle'), 'rootfs/opt/bee-agent/dist/bin/bee-agent.js'))).toBe(true);
  });

  it('builds on a layout that skopeo wrote', async ({ skip }) => {
    if (!isInstalled('skopeo')) skip('skopeo is not installed');
    run(
      'skopeo',
      '--insecure-policy',
      'copy',
      `docker-archive:${path('base.tar')}`,
      `oci:${path('oci-base')}:node`,
    );
    const args = ['package', REFERENCE, 'execs:v1', '--storage', path('store'), '--layout', path('on-oci')];
    await beeOk([...args, '--base', `${path('oci-base')}:node`]);
    const { manifest, config } = readLayout(path('on-oci'));
    expect(manifest.layers).toHaveLength(3);
    expect(config.rootfs.diff_ids).toHaveLength(3);
    const missing = await bee([...args, '--base', `${path('oci-base')}:other`]);
    expect(missing.stderr).toContain('no image of that name in the layout');
  });

  it('takes its base from a registry and writes to one, without an engine', async ({ skip }) => {
    if (!isInstalled('skopeo') || !isInstalled('docker-registry'))
      skip('skopeo and docker-registry are not installed');
    const registry = await DockerRegistry.start();
    try {
      const base = `${registry.host}/base/node:v1`;
      // Docker's own kinds of manifest and layer.
      const copy = ['--insecure-policy', 'copy', '--dest-tls-verify=false', '--format', 'v2s2'];
      run('skopeo', ...copy, `docker-archive:${path('base.tar')}`, `docker://${base}`);
      const name = `${registry.host}/tools/execs:v1`;
      const args = ['package', REFERENCE, name, '--storage', path('store'), '--base', base];
      const { code, stdout, stderr } = await bee([...args, '--push', '--layout', path('pushed'), '-v']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/Pushed .*execs:v1/) });
      const { manifest } = readLayout(path('pushed'));
      // What came over the wire is what is ours: the base's layer was mounted.
      const ours = manifest.layers.slice(1).reduce((sum: number, { size }: Descriptor) => sum + size, 0);
      const megabytes = Number(/\(([\d.]+) MB over the wire\)/.exec(stderr)?.[1]);
      expect(Math.abs(megabytes - ours / 1e6)).toBeLessThan(1);

      // Read back by another: every digest is compared.
      const from = ['--insecure-policy', 'copy', '--src-tls-verify=false'];
      run('skopeo', ...from, `docker://${name}`, `oci:${path('back')}:execs`);
      expect(readLayout(path('back')).index.manifests[0].digest).toBe(stdout.trim());
      const again = await bee([...args, '--push', '-v']);
      expect(again.stderr).toMatch(/\(0 B over the wire\)/);

      const missing = await bee([...args.slice(0, -1), `${registry.host}/no/such:v1`, '--push']);
      expect(missing).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('the registry has no image'),
      });
    } finally {
      await registry.stop();
    }
  }, 120_000);

  it('carries a key and the signature, and refuses in the container what is not signed with it', async ({
    skip,
  }) => {
    if (!isInstalled('docker-registry')) skip('docker-registry is not installed');
    const registry = await DockerRegistry.start();
    try {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      writeFileSync(path('cosign.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
      const name = `${registry.host}/signed/execs:v1`;
      const storage = ['--storage', path('store')];
      await beeOk(['build', path('probe.c'), name, '--arch', 'amd64,arm64', ...storage]);
      const digest = (await beeOk(['push', name, ...storage])).trim();
      const args = ['package', name, 'execs:v1', ...storage, '--base', path('base.tar')];
      const verify = ['--verify-key', path('cosign.pub')];
      const unsigned = await bee([...args, ...verify, '--layout', path('unsigned')]);
      expect(unsigned).toMatchObject({ code: 1, stderr: expect.stringContaining('is not trusted') });
      expect(existsSync(path('unsigned'))).toBe(false);

      // Of the index: the container then has it beside its own machine's manifest.
      const repository = `http://${registry.host}/v2/signed/execs`;
      await pushImage(
        repository,
        signatureImage(signedLayer(privateKey, payload(digest))),
        signatureTag(digest),
      );
      await beeOk([...args, ...verify, '--layout', path('signed')]);
      const root = path('signed-root');
      const { probes } = unpackProbe(path('signed'), root);
      expect(probes).toEqual([
        { image: name, pull: 'never', params: {}, verify: { key: ['/etc/bee-agent/keys/1.pub'] } },
      ]);
      const checked = await runAgent('--check', '--config', path('unpacked.yaml'));
      expect(checked).toMatchObject({ code: 0, stdout: expect.stringContaining('ok') });
      rmSync(join(root, 'var/lib/bee-agent/store/signatures'), { recursive: true });
      const refused = await runAgent('--check', '--config', path('unpacked.yaml'));
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(`${name} is not trusted`);
    } finally {
      await registry.stop();
    }
  }, 120_000);

  it('starts a probe that is pinned by the digest of an index, or of a manifest in it', async ({ skip }) => {
    if (!isInstalled('docker-registry')) skip('docker-registry is not installed');
    const registry = await DockerRegistry.start();
    try {
      const name = `${registry.host}/pinned/execs`;
      const storage = ['--storage', path('store')];
      await beeOk(['build', path('probe.c'), `${name}:v1`, '--arch', 'amd64,arm64', ...storage]);
      const digest = (await beeOk(['push', `${name}:v1`, ...storage])).trim();
      const index = JSON.parse(
        readFileSync(join(path('store'), 'blobs', digest.replace(':', '/')), 'utf8'),
      ) as { manifests: (Descriptor & { platform: { architecture: string } })[] };
      const manifest = index.manifests.find(({ platform }) => platform.architecture === ARCHITECTURE);
      for (const [n, pinned] of [`${name}@${digest}`, `${name}:v1@${manifest?.digest}`].entries()) {
        // Not in the store that packs: what is packed comes from the registry.
        const args = [
          'package',
          pinned,
          'execs:v1',
          '--storage',
          path('elsewhere'),
          '--base',
          path('base.tar'),
        ];
        await beeOk([...args, '--layout', path(`pinned${n}`)]);
        const root = path(`pinned-root${n}`);
        unpackProbe(path(`pinned${n}`), root);
        expect(await runAgent('--check', '--config', path('unpacked.yaml'))).toMatchObject({
          code: 0,
          stdout: expect.stringContaining('ok'),
        });
      }
    } finally {
      await registry.stop();
    }
  }, 120_000);

  it('writes a file where no engine answers, but not over one', async () => {
    const args = packaged('--output', 'json');
    const options = { cwd: folder, env: noEngine(path('programs')) };
    const { code, stdout, stderr } = await bee(args, options);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr:
        'Neither Docker nor Podman answers here (docker: not installed; podman: not installed): wrote execs:v1 to ./execs.tar\n',
    });
    expect(JSON.parse(stdout)).toMatchObject({ image: 'execs:v1', archive: './execs.tar' });
    const before = sha256(readFileSync(path('execs.tar')));
    // The name as containerd looks for it; docker load reads the other.
    const read = (file: string) => JSON.parse(run('tar', '-xOf', path('execs.tar'), file));
    expect(read('index.json').manifests[0].annotations).toEqual({
      'io.containerd.image.name': 'docker.io/library/execs:v1',
      'org.opencontainers.image.ref.name': 'v1',
    });
    expect(read('manifest.json')[0].RepoTags).toEqual(['execs:v1']);
    writeFileSync(path('execs.tar'), 'mine');
    const again = await bee(args, options);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('./execs.tar exists already\nTo replace it: --archive ./execs.tar.');
    expect(readFileSync(path('execs.tar'), 'utf8')).toBe('mine');
    await beeOk(packaged('--archive', './execs.tar'), options);
    expect(sha256(readFileSync(path('execs.tar')))).toBe(before);
  }, 60_000);

  it('refuses a base that is damaged, and leaves nothing behind', async () => {
    const bytes = readFileSync(path('base.tar'));
    const at = bytes.indexOf('ELF');
    bytes[at + 3_000] = bytes[at + 3_000]! ^ 0xff;
    writeFileSync(path('damaged.tar'), bytes);
    const args = [
      'package',
      REFERENCE,
      'execs:v1',
      '--storage',
      path('store'),
      '--base',
      path('damaged.tar'),
    ];
    const { code, stderr } = await bee([...args, '--archive', path('never.tar')]);
    expect(code).toBe(1);
    expect(stderr).toContain('the base image is damaged');
    expect(run('ls', folder)).not.toContain('never.tar');
  });

  it.each([
    [['--base', './nowhere', '--archive', 'x.tar'], 1, 'no base image at ./nowhere'],
    [
      ['--base', 'localhost:2/no:v1', '--archive', 'x.tar'],
      1,
      'cannot reach localhost:2: connection refused',
    ],
    [['--base', 'No/Image', '--archive', 'x.tar'], 2, 'the repository name must be lower case'],
    [['--base', '.', '--archive', 'x.tar'], 1, '. is no OCI image layout'],
    [
      ['--base', 'base.tar', '--archive', 'x.tar', '--param', 'ad=2'],
      2,
      '--param: it has no parameter "ad". Did you mean "add"?',
    ],
    [['--base', 'base.tar', '--archive', 'x.tar', '--param', 'add=-1'], 2, 'parameter add: "-1"'],
    [['--base', 'probe.c', '--archive', 'x.tar'], 1, 'probe.c is no tar archive'],
    [['--base', 'base.tar', '--archive', '/proc/x.tar'], 1, 'cannot write /proc/x.tar'],
    [['--base', 'base.tar', '--layout', '/proc/x'], 1, 'cannot create /proc/x: '],
  ])('refuses %j', async (flags, expected, message) => {
    const args = ['package', REFERENCE, 'execs:v1', '--storage', path('store'), ...flags];
    const { code, stderr } = await bee(args, { cwd: folder });
    expect(stderr).toContain(message);
    expect(code).toBe(expected);
    expect(stderr).not.toContain('    at ');
  });
});
