import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBaseImage } from '../support/base-image.js';
import { bee, beeOk } from '../support/bee.js';
import { runsExitsnoop } from '../support/exits-container.js';
import { builtService, Service } from './service.js';

// What bee package makes, in the hands of Docker and containerd.

const exec = promisify(execFile);
const REFERENCE = 'localhost/exits:v1';
const EXITSNOOP = fileURLToPath(new URL('../../examples/probes/exitsnoop.c', import.meta.url));

const programs = builtService('docker');

describe.skipIf(!programs)('docker (skipped where build-docker.sh left nothing)', () => {
  let engine: Service;
  let folder: string;
  const path = (name: string): string => join(folder, name);
  const env = (): NodeJS.ProcessEnv => ({
    ...process.env,
    PATH: `${programs}:${process.env.PATH}`,
    DOCKER_HOST: `unix://${path('docker.sock')}`,
    HOME: folder,
  });
  const ask = async (program: string, ...args: string[]): Promise<string> =>
    (await exec(join(programs!, program), args, { env: env() })).stdout;
  const packaging = (...flags: string[]): string[] => [
    ...['package', REFERENCE, 'exits:v1', '--storage', path('store')],
    ...['--base', path('base.tar'), ...flags],
  ];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bee-docker-'));
    engine = await Service.start({
      program: 'env',
      args: () => [
        ...[`PATH=${programs}:${process.env.PATH}`, 'dockerd', '--storage-driver=vfs', '--iptables=false'],
        ...[
          '--bridge=none',
          `--data-root=${path('data')}`,
          `--exec-root=${path('exec')}`,
          `--pidfile=${path('pid')}`,
        ],
        `--host=unix://${path('docker.sock')}`,
      ],
      ready: async () => (await ask('docker', 'version', '--format', '{{.Server.Version}}')) !== '',
    });
    makeBaseImage(folder);
    const object = path('exits.o');
    await beeOk(['build', EXITSNOOP, REFERENCE, '--storage', path('store'), '-o', object]);
  }, 120_000);
  afterAll(async () => {
    // It ends its containerd itself.
    await engine?.kill('SIGTERM');
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is given the image where no flag says otherwise, and runs it', async () => {
    const { code, stdout, stderr } = await bee(packaging('--output', 'json'), { env: env() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ image: 'exits:v1', engine: 'docker' });
    const [image] = JSON.parse(await ask('docker', 'image', 'inspect', 'exits:v1'));
    expect(image.RepoTags).toEqual(['exits:v1']);

    // Not --privileged: this machine may not have every capability that Docker would give.
    const rights = ['--cap-add=SYS_ADMIN', '--network=none', '-v', '/sys/kernel/tracing:/sys/kernel/tracing'];
    const {
      events,
      log,
      code: ended,
    } = await runsExitsnoop(
      spawn(join(programs!, 'docker'), ['run', '--rm', ...rights, 'exits:v1'], { env: env() }),
    );
    expect(events, log).toContain('"comm":"true"');
    expect(ended, log).toBe(0);
  }, 120_000);

  it('and containerd take the archive, under the name that they look for', async () => {
    await ask('docker', 'rmi', '--force', 'exits:v1');
    const file = path('exits.tar');
    await beeOk(packaging('--archive', file));
    expect(await ask('docker', 'load', '-i', file)).toContain('Loaded image: exits:v1');
    const containerd = ['-a', path('exec/containerd/containerd.sock'), '-n', 'test', 'images'];
    await ask('ctr', ...containerd, 'import', '--no-unpack', file);
    expect(await ask('ctr', ...containerd, 'ls', '-q')).toBe('docker.io/library/exits:v1\n');
  }, 120_000);
});
