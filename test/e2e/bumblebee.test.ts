import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelHasKprobes } from '../../core/cli/init/kprobes.js';
import { AgentProcess } from '../support/agent.js';
import { makeBaseImage } from '../support/base-image.js';
import { BEE, bee, beeOk, isInstalled, run } from '../support/bee.js';
import { beeHere, beeHereOk } from '../support/bee-here.js';
import { noEngine, onlyPodman, podmanIn } from '../support/podman.js';
import { DockerRegistry, freePort } from '../support/registry.js';

const exec = promisify(execFile);
const original = (name: string): string =>
  fileURLToPath(new URL(`probes/originals/${name}`, import.meta.url));

let folder: string;
const env = (): NodeJS.ProcessEnv => ({ HOME: folder, BEE_STORAGE: join(folder, 'store') });
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-bumblebee-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Described {
  readonly programs: readonly { readonly name: string; readonly section: string }[];
  readonly maps: readonly { readonly name: string; readonly kind?: string | null }[];
}
const described = async (name: string): Promise<Described> =>
  JSON.parse(await beeHereOk(['describe', name, '--output', 'json'], { env: env() })) as Described;

describe.skipIf(!isInstalled('docker-registry') || !isInstalled('htpasswd'))(
  "BumbleBee's announcement (docker-registry or htpasswd: skipped)",
  () => {
    it('holds, command by command', async () => {
      writeFileSync(join(folder, 'users'), run('htpasswd', '-Bbn', 'ada', 'secret'));
      const registry = await DockerRegistry.start({
        auth: `auth: { htpasswd: { realm: test, path: ${join(folder, 'users')} } }`,
      });
      // The announcement says localhost:5000; the port is the test's.
      const pushed = registry.host.replace('127.0.0.1', 'localhost').concat('/solo/my_probe:v1');
      try {
        const here = { env: env(), cwd: folder };
        const answers = ['-l', 'C', '--program-type', 'FileSystem', '-m', 'RingBuffer', '-o', 'print'];
        await beeHereOk(['init', ...answers, '--attach', 'tracepoint', '-f', 'probe.c'], here);
        await beeHereOk(['build', 'probe.c', 'my_probe:v1'], here);
        const tagged = await beeHereOk(['tag', 'my_probe:v1', pushed], here);
        const [host = ''] = pushed.split('/');
        expect(await beeHereOk(['login', host, '-u', 'ada', '-p', 'secret'], here)).toBe('Login Succeeded');
        expect(await beeHereOk(['push', pushed], here)).toBe(tagged);
        const listed = await beeHereOk(['list'], here);
        expect(listed).toMatch(/^Name +OS +OS Version +Arch +Digest +Size\n/);
        for (const name of ['my_probe:v1', pushed]) expect(listed).toContain(`\n${name} `);
        expect(await beeHereOk(['describe', pushed], here)).toMatch(/print_\w+ +print +ringbuf/);

        // Somebody else's machine: nothing but the name.
        const port = await freePort();
        const args = ['run', pushed, '--no-tty', '--prom-port', String(port)];
        const child = spawn(process.execPath, [BEE, ...args], {
          env: { ...process.env, ...env(), BEE_STORAGE: join(folder, 'elsewhere') },
        });
        let stdout = '';
        let stderr = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          stdout += text;
        });
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          stderr += text;
        });
        const ended = once(child, 'close');
        const sawCat = (): boolean =>
          stdout
            .split('\n')
            .slice(0, -1)
            .some((line) => JSON.parse(line).data.comm === 'cat');
        for (let i = 0; i < 600 && !sawCat() && child.exitCode === null; i++) {
          await exec('cat', ['/dev/null']);
          await new Promise((done) => setTimeout(done, 100));
        }
        expect(sawCat(), stderr).toBe(true);
        const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
        expect(metrics.status).toBe(200);
        child.kill('SIGINT');
        expect({ code: (await ended)[0], stderr }).toEqual({ code: 0, stderr: '' });

        // Into the engine of this machine, or into a file where none answers. The default base is Docker Hub's.
        const podman = podmanIn(join(folder, 'podman'));
        const engine = 'program' in podman ? onlyPodman(podman.program) : noEngine(join(folder, 'programs'));
        const base = makeBaseImage(folder);
        const packaging = ['package', pushed, 'my_probe:v1', '--base', base];
        const packaged = await bee(packaging, { env: { ...env(), ...engine }, cwd: folder });
        expect(packaged).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/) });
        if ('program' in podman)
          expect(run(podman.program, 'images', '--format', '{{.Repository}}:{{.Tag}}')).toBe(
            'docker.io/library/my_probe:v1\n',
          );
        else expect(existsSync(join(folder, 'my_probe.tar'))).toBe(true);
        const named = ['package', pushed, 'named:v1', '--base', base, '-b'];
        if ('program' in podman) {
          await beeHereOk([...named, podman.program], here);
          expect(run(podman.program, 'images', '--format', '{{.Repository}}')).toContain('/library/named\n');
        }
        expect(await beeHere([...named, 'no-such-engine'], here)).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(/^error: no-such-engine is not installed\n/),
        });
        expect(await beeHere([...packaging, '--bee-image', 'x'], here)).toMatchObject({
          code: 2,
          stderr: expect.stringMatching(/^error: --bee-image x: .*\n.*--base names/),
        });
      } finally {
        await registry.stop();
      }
    }, 120_000);
  },
);

describe("programs in the manner of BumbleBee's examples", () => {
  it.each(['exits', 'opens', 'connects', 'latencies', 'sockets', 'kills'])(
    '%s builds without a word',
    async (name) => {
      const built = await bee(
        ['build', original(`${name}.c`), `localhost/originals/${name}:v1`, '-o', join(folder, `${name}.o`)],
        {
          env: env(),
        },
      );
      expect(built).toMatchObject({ code: 0, stderr: '' });
    },
  );

  it('are described: sections and prefixes tell the same', async () => {
    expect((await described('localhost/originals/exits:v1')).maps).toContainEqual(
      expect.objectContaining({ name: 'exits', kind: 'print' }),
    );
    const opens = await described('localhost/originals/opens:v1');
    const kinds = Object.fromEntries(opens.maps.map(({ name, kind }) => [name, kind]));
    expect(kinds).toMatchObject({ print_opens: 'print', hist_open_us: 'hist' });
    for (const [name, map, kind] of [
      ['latencies', 'print_latencies', 'print'],
      ['sockets', 'open_sockets', 'gauge'],
      ['kills', 'kills', 'print'],
    ])
      expect((await described(`localhost/originals/${name}:v1`)).maps).toContainEqual(
        expect.objectContaining({ name: map, kind }),
      );
    const connects = await described('localhost/originals/connects:v1');
    expect(connects.maps).toContainEqual(expect.objectContaining({ name: 'connects', kind: 'counter' }));
    expect(connects.programs.map(({ section }) => section)).toEqual([
      'kprobe/tcp_v4_connect',
      'kretprobe/tcp_v4_connect',
    ]);
  });

  it('run where the kernel has what they hang on', async () => {
    const agent = await AgentProcess.start(
      `probes:
  - { image: "localhost/originals/exits:v1", params: { failed_only: true } }
  - image: localhost/originals/opens:v1
    maps: { print_opens: { filter: 'comm == "cat"' } }
sinks:
  console: { type: stdout, format: json }
  prom: { type: prometheus, naming: bumblebee }
agent: { listen: "127.0.0.1:0", storage: ${join(folder, 'store')} }
`,
      '--strict',
    );
    try {
      const failing = exec('sh', ['-c', 'cat /no/such/file; exit 3']).catch(() => undefined);
      await failing;
      await agent.until(() => agent.events.some(({ map, data }) => map === 'exits' && data.exit_code === 3));
      await agent.until(() => agent.events.some(({ data }) => data.fname === '/no/such/file'));
      const opened = agent.events.find(({ data }) => data.fname === '/no/such/file');
      expect(opened?.data).toMatchObject({ comm: 'cat', ret: -2 });
      expect(await agent.sum('ebpf_solo_io_hist_open_us_count', 'op="o"')).toBeGreaterThan(0);
    } finally {
      expect(await agent.stop()).toBe(0);
    }
  }, 60_000);

  it.skipIf(kernelHasKprobes())('say what this kernel lacks where it has no kprobes', async () => {
    const { code, stdout, stderr } = await bee(
      ['run', 'localhost/originals/connects:v1', '--no-tty', '--prom-port', '0'],
      { env: env() },
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: .*tcp_v4_connect.*kprobe/s);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe.skipIf(!isInstalled('skopeo'))('a store (skopeo: skipped)', () => {
  it('may be a layout that skopeo wrote, and skopeo reads ours', async () => {
    const layout = join(folder, 'layout');
    const name = 'localhost/originals/exits:v1';
    const copy = ['--insecure-policy', 'copy', `oci:${join(folder, 'store')}:${name}`];
    run('skopeo', ...copy, `oci:${layout}:localhost/copied:v1`);
    const theirs = { ...env(), BEE_STORAGE: layout };
    expect(await beeHereOk(['list', '--quiet'], { env: theirs })).toBe('localhost/copied:v1');
    const before = JSON.parse(await beeHereOk(['inspect', name], { env: env() }));
    const after = JSON.parse(await beeHereOk(['inspect', 'localhost/copied:v1'], { env: theirs }));
    expect(after.manifest).toEqual(before.manifest);
    const ran = await beeOk(
      ['run', 'localhost/copied:v1', '--no-tty', '--prom-port', '0', '--duration', '1s'],
      { env: theirs },
    );
    for (const line of ran.split('\n').filter(Boolean)) expect(JSON.parse(line).map).toBe('exits');
    // We write beside it what skopeo reads.
    await beeHereOk(['tag', 'localhost/copied:v1', 'localhost/again:v2'], { env: theirs });
    const digest = JSON.parse(run('skopeo', 'inspect', '--raw', `oci:${layout}:localhost/again:v2`));
    expect(digest).toEqual(before.manifest);
  }, 60_000);
});
