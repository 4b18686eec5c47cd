import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bee, beeOk } from '../support/bee.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/bumblebee/', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../examples/probes/', import.meta.url));

let folder: string;
let store: string;

const inStore = (...args: string[]) => beeOk([...args, '--storage', store], { cwd: folder });
const json = async (...args: string[]) => JSON.parse(await inStore(...args));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-build-test-'));
  store = join(folder, 'store');
  for (const file of ['exitsnoop.c', 'signals.h']) copyFileSync(join(EXAMPLES, file), join(folder, file));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('bee build', () => {
  it('makes the same image of the same source, wherever it lies', async () => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    for (const file of ['exitsnoop.c', 'signals.h'])
      copyFileSync(join(EXAMPLES, file), join(elsewhere, file));
    const here = await inStore('build', 'exitsnoop.c', 'localhost/same:v1');
    const there = await inStore('build', join(elsewhere, 'exitsnoop.c'), 'localhost/same:v2');
    expect(there).toBe(here);

    writeFileSync(
      join(elsewhere, 'exitsnoop.c'),
      `${readFileSync(join(EXAMPLES, 'exitsnoop.c'), 'utf8')}\nint more;\n`,
    );
    expect(await inStore('build', join(elsewhere, 'exitsnoop.c'), 'localhost/same:v3')).not.toBe(here);
  });

  it('writes annotations, the licence of the source among them, and the time only when it is given', async () => {
    const flags = [
      '--title',
      'Exits',
      '--description',
      'what <ends>',
      '--authors',
      'Ada',
      '--source',
      'https://x.test/y',
    ];
    await inStore('build', 'exitsnoop.c', 'localhost/told:v1', ...flags, '--annotation', 'org.test/a=b=c');
    const { manifest } = await json('inspect', 'localhost/told:v1');
    expect(manifest.annotations).toEqual({
      'org.opencontainers.image.authors': 'Ada',
      'org.opencontainers.image.description': 'what <ends>',
      'org.opencontainers.image.licenses': 'GPL-2.0 OR BSD-3-Clause',
      'org.opencontainers.image.source': 'https://x.test/y',
      'org.opencontainers.image.title': 'Exits',
      'org.test/a': 'b=c',
    });
    const env = { SOURCE_DATE_EPOCH: '1700000000' };
    await beeOk(['build', 'exitsnoop.c', 'localhost/told:v2', '--storage', store], { cwd: folder, env });
    expect((await json('inspect', 'localhost/told:v2')).manifest.annotations).toMatchObject({
      'org.opencontainers.image.created': '2023-11-14T22:13:20Z',
    });
  });

  it('refuses a SOURCE_DATE_EPOCH that is no time', async () => {
    const args = ['build', 'exitsnoop.c', 'localhost/x:v1', '--storage', store];
    const { code, stderr } = await bee(args, { cwd: folder, env: { SOURCE_DATE_EPOCH: 'today' } });
    expect(code).toBe(2);
    expect(stderr).toContain('SOURCE_DATE_EPOCH is "today"');
  });

  it("keeps BumbleBee's media types and titles around the record in the config", async () => {
    await inStore('build', 'exitsnoop.c', 'localhost/kept:v1');
    const { manifest, config } = await json('inspect', 'localhost/kept:v1');
    expect(Object.keys(manifest)).toEqual(['schemaVersion', 'config', 'layers', 'annotations']);
    expect(manifest.config).toMatchObject({
      mediaType: 'application/ebpf.oci.image.config.v1+json',
      annotations: { 'org.opencontainers.image.title': 'config.json' },
    });
    expect(manifest.layers).toHaveLength(1);
    expect(manifest.layers[0]).toMatchObject({
      mediaType: 'application/ebpf.oci.image.program.v1+binary',
      annotations: { 'org.opencontainers.image.title': 'program.o' },
    });
    expect(config).toMatchObject({
      formatVersion: 1,
      params: [{ name: 'failed_only', type: 'bool', default: false }],
    });
  });

  it('makes an image index for several machines, the same in whatever order they are named', async () => {
    writeFileSync(
      join(folder, 'machine.c'),
      `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#ifdef __TARGET_ARCH_arm64
const volatile int arm = 1;
#else
const volatile int intel = 1;
#endif
SEC("tracepoint/sched/sched_process_exec") int f(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
`,
    );
    const digest = await inStore('build', 'machine.c', 'localhost/many:v1', '--arch', 'amd64,arm64');
    expect(await inStore('build', 'machine.c', 'localhost/many:v2', '--arch', 'aarch64, x86_64')).toBe(
      digest,
    );
    const index = await inStore('inspect', 'localhost/many:v1', '--raw', 'index');
    expect(`sha256:${createHash('sha256').update(index).digest('hex')}\n`).toBe(digest);
    const { mediaType, manifests } = JSON.parse(index);
    expect(mediaType).toBe('application/vnd.oci.image.index.v1+json');
    expect(manifests.map(({ platform }: { platform: unknown }) => platform)).toEqual([
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ]);
    const params = async (arch: string) =>
      (await json('describe', 'localhost/many:v1', '--arch', arch, '--output', 'json')).params;
    expect(await params('arm64')).toMatchObject([{ name: 'arm' }]);
    expect(await params('x86_64')).toMatchObject([{ name: 'intel' }]);
    const { code, stderr } = await bee([
      'describe',
      'localhost/many:v1',
      '--arch',
      'riscv64',
      '--storage',
      store,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('has no program for riscv64; it has: amd64, arm64');
  });

  it('warns of a function that no kernel has, and says so where it is run', async () => {
    writeFileSync(
      join(folder, 'calls.c'),
      `#include "vmlinux.h"
#include "bpf/bpf_helpers.h"
volatile int length = 9;
SEC("tracepoint/syscalls/sys_enter_getpgid") int handler(void *context)
{
	char here[16], there[16];
	bpf_get_current_comm(here, 16);
	bpf_get_current_comm(there, 16);
	length = __builtin_memcmp(here, there, length);
	return 0;
}
char _license[] SEC("license") = "GPL";
`,
    );
    const built = await bee(['build', 'calls.c', 'localhost/calls:v1', '--storage', store], { cwd: folder });
    expect(built).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('the program uses memcmp, which'),
    });
    for (const more of [
      ['--binary-only'],
      ['localhost/calls:v2', '--arch', 'amd64,arm64', '--storage', store],
    ]) {
      const { stderr } = await bee(['build', 'calls.c', ...more], { cwd: folder });
      expect(stderr.match(/the program uses memcmp, which/g)).toEqual([expect.anything()]);
    }
    const ran = await bee(['run', 'localhost/calls:v1', '--no-tty', '--storage', store], { cwd: folder });
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toMatch(/^error: .*uses memcmp, which is not in the object/m);
  });

  it('warns of what would make another object each day', async () => {
    writeFileSync(join(folder, 'dated.c'), 'const char *when = __DATE__;\n');
    const { code, stderr } = await bee(['build', 'dated.c', '--binary-only'], { cwd: folder });
    expect(code).toBe(0);
    expect(stderr).toContain('not reproducible');
  });

  it('says what is missing for a build in a container', async () => {
    const args = ['build', 'exitsnoop.c', 'localhost/x:v1', '--builder', './no-such-engine'];
    const { code, stderr } = await bee(args, { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain('./no-such-engine is not installed');
  });
});

describe('bee describe', () => {
  it("tells of an image by its config as by its object, and of the object's file alike", async () => {
    await inStore('build', 'exitsnoop.c', 'localhost/told:v3');
    const { summaryFrom, ...recorded } = await json('describe', 'localhost/told:v3', '--output', 'json');
    expect(summaryFrom).toBe('config');
    const { summaryFrom: from, ...read } = await json(
      'describe',
      'localhost/told:v3',
      '--from-object',
      '--output',
      'json',
    );
    expect(from).toBe('object');
    expect(recorded).toEqual(read);
    const file = await json('describe', './exitsnoop.o', '--output', 'json');
    for (const part of ['programs', 'maps', 'params', 'requirements', 'license'])
      expect(file[part]).toEqual(read[part]);
    expect(read.programs).toEqual([{ name: 'on_exit', section: 'tracepoint/sched/sched_process_exit' }]);
    expect(read.maps[0]).toMatchObject({
      name: 'print_exits',
      kind: 'print',
      type: 'ringbuf',
      valueType: 'struct exit_event',
    });
    expect(read.maps[0].value).toContainEqual({ name: 'age', type: 'duration' });
    expect(read.requirements).toContainEqual({ feature: 'map type ringbuf', linux: '5.8' });
  });

  it('needs no program for an image with a record', async () => {
    const args = ['--storage', join(folder, 'gone')];
    await beeOk(['build', 'exitsnoop.c', 'localhost/gone:v1', ...args], { cwd: folder });
    const { manifest } = JSON.parse(await beeOk(['inspect', 'localhost/gone:v1', ...args]));
    rmSync(join(folder, 'gone', 'blobs', manifest.layers[0].digest.replace(':', '/')));
    expect(await beeOk(['describe', 'localhost/gone:v1', ...args])).toContain('failed_only');
    const { code, stderr } = await bee(['describe', 'localhost/gone:v1', '--from-object', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain('is missing');
  });

  it.each([
    ['store', 'localhost:5000/fixtures/execs:v1', ['print_execs', 'counter_exec_events', 'counter_execs']],
    ['store-0.0.14', 'localhost:5000/fixtures/legacy:v1', ['events', 'exec_events', 'execs']],
  ])("reads the original's %s", async (name, reference, maps) => {
    const args = ['--storage', join(FIXTURES, name), '--output', 'json'];
    const described = JSON.parse(await beeOk(['describe', reference, ...args]));
    expect(described.summaryFrom).toBe('object');
    expect(described.platform).toMatchObject({ os: 'Linux', architecture: 'x86_64' });
    expect(described.maps.map((map: { name: string }) => map.name)).toEqual(maps);
    expect(described.maps.map((map: { kind: string }) => map.kind)).toEqual(['print', 'counter', 'counter']);
    expect(described.maps[0].value).toEqual([
      { name: 'pid', type: 'u32' },
      { name: 'uid', type: 'u32' },
      { name: 'comm', type: 'char[16]' },
      { name: 'since_boot', type: 'duration' },
    ]);
  });

  it.each([
    ['nowhere', 'no image nowhere in the store'],
    ['./nowhere.o', 'cannot read ./nowhere.o: no such file'],
    ['./exitsnoop.c', 'cannot read ./exitsnoop.c: ELF: not an ELF file'],
  ])('says what is wrong with %s', async (source, message) => {
    const { code, stdout, stderr } = await bee(['describe', source, '--storage', store], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});

describe('bee inspect', () => {
  it('prints documents byte for byte', async () => {
    const reference = 'localhost:5000/fixtures/execs:v1';
    const args = ['inspect', reference, '--storage', join(FIXTURES, 'store')];
    const { descriptor, config } = JSON.parse(await beeOk(args));
    const manifest = await beeOk([...args, '--raw', 'manifest']);
    expect(`sha256:${createHash('sha256').update(manifest).digest('hex')}`).toBe(descriptor.digest);
    expect(config).toEqual({});
    expect(await beeOk([...args, '--raw', 'config'])).toBe('{}');
    const { code, stderr } = await bee([...args, '--raw', 'index']);
    expect(code).toBe(2);
    expect(stderr).toContain('it has no index');
  });
});
