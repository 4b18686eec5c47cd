import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { bee, beeOk, isInstalled, run } from '../support/bee.js';
import { podmanIn } from '../support/podman.js';

// A build in a real container: podman with runc, a builder image made of this machine's clang, and BumbleBee's
// contract with its entry point.

const EXAMPLES = fileURLToPath(new URL('../../examples/probes/', import.meta.url));
const IMAGE = 'localhost/builder:test';

let folder: string;
let unavailable: string | undefined;
const path = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bee-container-'));
  const podman = podmanIn(folder);
  const missing = ['clang', 'llvm-strip'].filter((program) => !isInstalled(program));
  if (missing.length > 0) unavailable = `${missing.join(', ')} not installed`;
  else if ('unavailable' in podman) ({ unavailable } = podman);
  if (unavailable !== undefined) return;
  for (const file of ['exitsnoop.c', 'signals.h']) copyFileSync(join(EXAMPLES, file), path(file));
  makeBuilder();
  const tried = spawnSync(path('podman'), [
    'run',
    '--rm',
    '--network=none',
    '--entrypoint',
    'sh',
    IMAGE,
    '-c',
    'true',
  ]);
  if (tried.status !== 0) unavailable = `podman runs no container here: ${tried.stderr}`;
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makeBuilder(): void {
  const root = path('image');
  const put = (file: string, place = file) => {
    mkdirSync(join(root, dirname(place)), { recursive: true });
    cpSync(realpathSync(file), join(root, place), { recursive: true });
  };
  for (const name of ['clang', 'llvm-strip', 'sh']) {
    const program = run('sh', '-c', `command -v ${name}`).trim();
    put(program, `/usr/bin/${name}`);
    for (const [library] of run('ldd', program).matchAll(/\/\S+\.so\S*/g)) put(library);
  }
  for (const headers of ['bpf', 'linux', 'asm-generic', 'x86_64-linux-gnu/asm', 'aarch64-linux-gnu/asm'])
    if (existsSync(`/usr/include/${headers}`)) put(`/usr/include/${headers}`);
  put(run('clang', '-print-resource-dir').trim());
  put('/bin/sh');
  mkdirSync(join(root, 'headers'));
  mkdirSync(join(root, 'tmp'));
  const header = execFileSync('bpftool', ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'], {
    maxBuffer: 64 << 20,
  });
  writeFileSync(join(root, 'headers', 'vmlinux.h'), header);
  const multiarch = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  writeFileSync(
    join(root, 'build.sh'),
    `#!/bin/sh
set -eu
clang -g -O2 -target bpf -D__TARGET_ARCH_x86 -I/headers -idirafter ${multiarch} \${CFLAGS:-} -c "$1" -o "$2"
llvm-strip -g "$2"
`,
  );
  chmodSync(join(root, 'build.sh'), 0o755);
  run('tar', '-C', root, '-cf', path('image.tar'), '.');
  run(
    path('podman'),
    'import',
    '-c',
    'ENTRYPOINT ["/build.sh"]',
    '-c',
    'ENV PATH=/usr/bin',
    path('image.tar'),
    IMAGE,
  );
  rmSync(root, { recursive: true });
}

const build = (file: string, reference: string, ...flags: string[]) => [
  ...['build', file, reference, '--storage', path('store'), '--builder', './podman', '-i', IMAGE],
  ...flags,
];

function need({ skip }: TestContext): void {
  if (unavailable !== undefined) skip(unavailable);
}

describe('bee build in a container', () => {
  it("compiles by the image's entry point, with our headers, the same each time", async (context) => {
    need(context);
    const digest = await beeOk(build('exitsnoop.c', 'localhost/c:v1'), { cwd: folder });
    expect(await beeOk(build('exitsnoop.c', 'localhost/c:v2'), { cwd: folder })).toBe(digest);
    const described = await beeOk(['describe', 'localhost/c:v1', '--storage', path('store')]);
    expect(described).toContain('print_exits');
  });

  it('hands over the flags, and shows what the compiler says', async (context) => {
    need(context);
    writeFileSync(path('flag.c'), '#ifndef WANTED\n#error no flag\n#endif\nint x;\n');
    const without = await bee(build('flag.c', 'localhost/f:v1'), { cwd: folder });
    expect(without.code).toBe(1);
    expect(without.stderr).toContain('flag.c:2:2: error: no flag');
    expect(without.stderr).toContain('flag.c does not compile');
    await beeOk(build('flag.c', 'localhost/f:v1', '--cflags', '-DWANTED'), { cwd: folder });
  });

  it('runs a script of the user there', async (context) => {
    need(context);
    const script = 'test -d /headers && clang -g -O2 -target bpf $CFLAGS -c "$1" -o "$2"\n';
    writeFileSync(path('script.sh'), script);
    writeFileSync(path('plain.c'), 'int x;\n');
    await beeOk(build('plain.c', 'localhost/s:v1', '--build-script', 'script.sh'), { cwd: folder });
  });

  it('keeps the sources as they are', async (context) => {
    need(context);
    writeFileSync(path('writes.sh'), 'echo spoiled >"$1"\n');
    writeFileSync(path('kept.c'), 'int x;\n');
    const { code } = await bee(build('kept.c', 'localhost/k:v1', '--build-script', 'writes.sh'), {
      cwd: folder,
    });
    expect(code).toBe(1);
    expect(run('cat', path('kept.c'))).toBe('int x;\n');
  });

  it.each([
    [['--arch', 'riscv64'], 'a builder image compiles for this machine only'],
    [['--vmlinux', 'vmlinux.h'], 'a builder image brings its own header'],
    [['--build-script-out'], 'a builder image has a script of its own'],
  ])('refuses %j', async (flags, message) => {
    writeFileSync(path('any.c'), 'int x;\n');
    const { code, stderr } = await bee(build('any.c', 'localhost/n:v1', ...flags), { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
