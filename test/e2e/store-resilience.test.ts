import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ImageStore, parseReference, pullImage, pushImage, Registries } from '../../core/oci/index.js';
import { BEE, bee, isInstalled, run } from '../support/bee.js';
import { beeHere } from '../support/bee-here.js';
import { DockerRegistry } from '../support/registry.js';
import { WebServer } from '../support/web-server.js';
import { isProgram, PROGRAM, probeRegistry } from '../unit/oci/probe-registry.js';

const WRITER = fileURLToPath(new URL('../support/store-writer.mjs', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-resilience-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(store: string, name: string, count: number, bytes: number): ChildProcess {
  return spawn(process.execPath, [WRITER, store, name, String(count), String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Every image of the store, read whole: each digest and size is compared. Returns how many there are. */
async function readAll(path: string): Promise<number> {
  const store = new ImageStore(path);
  const entries = await store.entries();
  for (const { name } of entries) expect((await store.readProbe(name))?.program.length).toBeGreaterThan(0);
  return entries.length;
}

const scratch = (path: string): string[] => readdirSync(path).filter((name) => name.startsWith('.'));

describe('one store', () => {
  it('takes what several processes write at once, all of it', async () => {
    const store = join(folder, 'store');
    const writers = ['a', 'b', 'c'].map((name) => write(store, name, 20, 5_000));
    const codes = await Promise.all(writers.map(async (child) => (await once(child, 'close'))[0]));
    expect(codes).toEqual([0, 0, 0]);
    expect(await readAll(store)).toBe(60);
    expect(scratch(store)).toEqual([]);
  }, 120_000);

  it('takes an oci-layout without content for none', async () => {
    const path = join(folder, 'store');
    mkdirSync(path);
    writeFileSync(join(path, 'oci-layout'), '');
    await new ImageStore(path).putProbe('localhost/a:v1', randomBytes(100));
    expect(readFileSync(join(path, 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
    expect(await readAll(path)).toBe(1);
  });

  it('takes what several bee do to it at once', async () => {
    const path = join(folder, 'store');
    const store = new ImageStore(path);
    await store.putProbe('localhost/kept:v1', randomBytes(100_000));
    for (const n of [0, 1, 2]) await store.putProbe(`localhost/gone${n}:v1`, randomBytes(1_000));
    const env = { HOME: folder, BEE_STORAGE: path };
    const done = await Promise.all(
      [
        ...[0, 1, 2, 3, 4].map((n) => ['tag', 'localhost/kept:v1', `localhost/other${n}:v1`]),
        ...[0, 1, 2].map((n) => ['rm', `localhost/gone${n}:v1`]),
      ].map((args) => bee(args, { env })),
    );
    for (const one of done) expect(one).toMatchObject({ code: 0, stderr: '' });
    const names = (await store.entries()).map(({ name }) => name);
    expect(names).toEqual(['localhost/kept:v1', ...[0, 1, 2, 3, 4].map((n) => `localhost/other${n}:v1`)]);
    expect(await readAll(path)).toBe(6);
    expect(scratch(path)).toEqual([]);
  }, 60_000);

  it('is whole after its writer was killed, and takes the next one', async () => {
    const store = join(folder, 'store');
    for (let round = 0; round < 6; round++) {
      const child = write(store, `r${round}`, 100_000, 300_000);
      let written = 0;
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        written += text.split('\n').length - 1;
      });
      while (written < 3) await new Promise((done) => setTimeout(done, 1));
      // Somewhere within a write.
      await new Promise((done) => setTimeout(done, Math.random() * 15));
      child.kill('SIGKILL');
      await once(child, 'close');
      expect(await readAll(store)).toBeGreaterThanOrEqual(written);
    }
    const before = await readAll(store);
    await new ImageStore(store).putProbe('localhost/last:v1', randomBytes(100));
    expect(await readAll(store)).toBe(before + 1);
  }, 120_000);
});

describe.skipIf(process.getuid?.() !== 0)('a file system (mounting needs root: skipped)', () => {
  let disk: string;
  const env = () => ({ HOME: folder, BEE_STORAGE: join(disk, 'store') });
  beforeEach(async () => {
    disk = join(folder, 'disk');
    mkdirSync(disk);
    run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'bee-test', disk);
    await new ImageStore(join(disk, 'store')).putProbe('localhost/small:v1', randomBytes(1_000));
  });
  afterEach(() => void spawnSync('umount', [disk]));

  it('that is full refuses, and keeps what it has', async () => {
    const store = new ImageStore(join(disk, 'store'));
    await expect(store.putProbe('localhost/large:v1', randomBytes(2 << 20))).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringMatching(/^cannot write \/\S+: no space left on the device$/),
    });
    expect(await readAll(store.folder)).toBe(1);
    expect(scratch(store.folder)).toEqual([]);
    // Room for the program, but not for much more: whichever step fails, the name comes last.
    await store.putProbe('localhost/filler:v1', randomBytes(700_000));
    for (let size = 250_000; size < 340_000; size += 10_000)
      await store.putProbe(`localhost/tight:${size}`, randomBytes(size)).catch(() => undefined);
    expect(await readAll(store.folder)).toBeGreaterThanOrEqual(2);
    expect(scratch(store.folder)).toEqual([]);
  });

  it('that is full ends a pull with a clear error', async () => {
    const layer = randomBytes(2 << 20);
    const registry = await registryOf(layer);
    try {
      const { code, stderr } = await beeHere(['pull', registry.name], { env: env() });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: cannot write \/\S+: no space left on the device\n$/);
      expect(await readAll(join(disk, 'store'))).toBe(1);
    } finally {
      await registry.stop();
    }
  });

  it('that is read-only is read, and not written', async () => {
    const registry = await probeRegistry(() => false);
    run('mount', '-o', 'remount,ro', disk);
    try {
      const list = await beeHere(['list', '--quiet'], { env: env() });
      expect(list).toMatchObject({ code: 0, stdout: 'localhost/small:v1\n' });
      const inspect = await beeHere(['inspect', 'localhost/small:v1'], { env: env() });
      expect(inspect.code).toBe(0);
      for (const args of [
        ['tag', 'localhost/small:v1', 'localhost/other:v1'],
        ['rm', 'localhost/small:v1'],
        ['pull', `${registry.host}/a/b:v1`],
      ]) {
        const { code, stderr } = await beeHere(args, { env: env() });
        expect({ args, code, stderr }).toEqual({
          args,
          code: 1,
          stderr: expect.stringMatching(/^error: cannot \w+ \/\S+: the file system is read-only\n$/),
        });
      }
      for (const args of [
        ['tag', 'localhost/none:v1', 'localhost/other:v1'],
        ['rm', 'localhost/none:v1'],
      ])
        expect(await beeHere(args, { env: env() })).toMatchObject({
          code: 1,
          stderr: `error: no image localhost/none:v1 in the store ${join(disk, 'store')}\n`,
        });
    } finally {
      await registry.stop();
    }
  });
});

describe.skipIf(!isInstalled('strace'))('a file system without hard links (strace: skipped)', () => {
  it('has a store all the same', async () => {
    const store = join(folder, 'store');
    const calls = join(folder, 'calls');
    // What FAT answers, put in by strace.
    const inject = ['-f', '-qq', '-o', calls, '-e', 'inject=link,linkat:error=EPERM'];
    run('strace', ...inject, process.execPath, WRITER, store, 'a', '2', '500');
    const traced = readFileSync(calls, 'utf8');
    expect(traced).toMatch(/link.*EPERM.*INJECTED/);
    // Others would read it before it has its content.
    expect(traced).toMatch(/rename.*oci-layout"/);
    expect(traced).not.toMatch(/open.*oci-layout".*O_CREAT/);
    expect(await readAll(store)).toBe(2);
    expect(scratch(store)).toEqual([]);
  });
});

describe.skipIf(process.getuid?.() !== 0 || !isInstalled('unshare') || !isInstalled('setpriv'))(
  "a lock's owner (not root, or no unshare or setpriv: skipped)",
  () => {
    it('that /proc hides is not taken for dead', () => {
      const module = fileURLToPath(new URL('../../dist/core/oci/process.js', import.meta.url));
      const script = `import { currentProcess, isAlive } from ${JSON.stringify(module)};
const other = { ...currentProcess(), pid: ${process.pid}, startTime: '1' };
const gone = { ...other, pid: 2 ** 22 + 1 };
console.log(isAlive(other), isAlive(gone));`;
      const hidden =
        'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"';
      const asOther = ['--mount', 'sh', '-c', hidden, 'sh', process.execPath];
      expect(run('unshare', ...asOther, '--input-type=module', '-e', script)).toBe('unknown false\n');
    });
  },
);

/** A registry of one image with this program. */
async function registryOf(program: Buffer) {
  const store = new ImageStore(join(folder, 'source'));
  const registry = await DockerRegistry.start();
  const name = `${registry.host}/large:v1`;
  await store.putProbe(name, program);
  const registries = new Registries({ env: {} });
  await pushImage(store, registries, parseReference(name));
  await registries.close();
  return { name, stop: () => registry.stop() };
}

describe('a pull that was killed', () => {
  it('leaves no image, and need not fetch again what it had', async () => {
    let release: (() => void) | undefined;
    const stalled = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isSound = false;
    const registry = await probeRegistry((request, response) => {
      if (isSound || !isProgram(request)) return false;
      response.writeHead(200, { 'content-length': PROGRAM.length });
      response.write(PROGRAM.subarray(0, 50_000));
      release?.();
      return true;
    });
    const name = `${registry.host}/a/b:v1`;
    const env = { HOME: folder, BEE_STORAGE: join(folder, 'store') };
    try {
      const child = spawn(process.execPath, [BEE, 'pull', name], { env: { ...process.env, ...env } });
      await stalled;
      child.kill('SIGKILL');
      await once(child, 'close');
      const store = new ImageStore(env.BEE_STORAGE);
      expect(await store.entries()).toEqual([]);

      isSound = true;
      registry.asked.length = 0;
      const again = await beeHere(['pull', name], { env });
      expect(again).toMatchObject({ code: 0, stderr: '' });
      expect(Buffer.compare((await store.readProbe(name))!.program, PROGRAM)).toBe(0);
      // The manifest and the program; the config was there.
      expect(registry.asked.filter((one) => one.includes('/blobs/')).length).toBe(1);
    } finally {
      await registry.stop();
    }
  }, 60_000);

  it('and stops at once when it is interrupted', async () => {
    let asked = (): void => {};
    const begun = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const registry = await WebServer.start(() => asked());
    const child = spawn(process.execPath, [BEE, 'pull', `${registry.host}/a/b:v1`], {
      env: { ...process.env, HOME: folder, BEE_STORAGE: join(folder, 'store') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    await begun;
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    await registry.stop();
    expect({ code, said }).toEqual({ code: 130, said: 'error: interrupted\n' });
  }, 30_000);
});

describe.skipIf(!isInstalled('docker-registry'))('a push that was killed (docker-registry: skipped)', () => {
  let registry: DockerRegistry;
  let proxy: Server;
  const sockets = new Set<Socket>();
  /** Bytes that the proxy lets through to the registry. */
  let allowance = Number.POSITIVE_INFINITY;
  let whenStuck = (): void => {};

  beforeAll(async () => {
    registry = await DockerRegistry.start();
    const [host, port] = registry.host.split(':');
    // A road to the real registry that gets stuck.
    proxy = createServer((client) => {
      const upstream = connect(Number(port), host);
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => {
          client.destroy();
          upstream.destroy();
        });
        socket.on('close', () => sockets.delete(socket));
      }
      client.on('data', (data) => {
        allowance -= data.length;
        if (allowance > 0) upstream.write(data);
        else whenStuck();
      });
      client.on('end', () => upstream.end());
      upstream.pipe(client);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
    await registry.stop();
  });

  it('leaves no tag, and the next one is whole', async () => {
    const program = randomBytes(30 << 20);
    const stuckName = `127.0.0.1:${(proxy.address() as { port: number }).port}/killed/push:v1`;
    const soundName = `${registry.host}/killed/push:v1`;
    const store = new ImageStore(join(folder, 'store'));
    await store.putProbe(stuckName, program);
    await store.putProbe(soundName, program);
    // Within the second piece of 8 MiB.
    allowance = 12 << 20;
    const stuck = new Promise<void>((resolve) => {
      whenStuck = resolve;
    });
    const child = spawn(process.execPath, [BEE, 'push', stuckName], {
      env: { ...process.env, HOME: folder, BEE_STORAGE: store.folder },
    });
    await stuck;
    child.kill('SIGKILL');
    await once(child, 'close');

    const registries = new Registries({ env: {} });
    try {
      const reference = parseReference(soundName);
      expect(await registries.resolve(reference)).toBeUndefined();
      expect(await readAll(store.folder)).toBe(2);
      const pushed = await bee(['push', soundName], { env: { HOME: folder, BEE_STORAGE: store.folder } });
      expect(pushed).toMatchObject({ code: 0, stderr: '' });
      const other = new ImageStore(join(folder, 'other'));
      const { digest } = await pullImage(registries, other, reference);
      expect(digest).toBe(pushed.stdout.trim());
      expect(Buffer.compare((await other.readProbe(soundName))!.program, program)).toBe(0);
    } finally {
      await registries.close();
    }
  }, 120_000);
});
