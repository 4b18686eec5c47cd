import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, findConfig, loadConfig } from '../../../config/index.js';

const VALID = 'probes: [{ image: x }]\n';
let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bee-config-'));
  await chmod(directory, 0o755);
  file = join(directory, 'probes.yaml');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function load(options: { file?: string; cwd?: string; root?: boolean; env?: Record<string, string> } = {}) {
  return loadConfig({ cwd: directory, env: {}, root: false, ...options });
}

async function failure(promise: Promise<unknown>): Promise<ConfigError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
}

describe('finding', () => {
  it('takes the file that is named, relative to the working directory', async () => {
    await writeFile(join(directory, 'other.txt'), VALID);
    expect((await load({ file: 'other.txt' })).file).toBe(join(directory, 'other.txt'));
  });

  it('looks for probes.yaml, then .yml, then .json in the working directory', async () => {
    await writeFile(join(directory, 'probes.json'), '{"probes":[{"image":"x"}]}');
    expect((await load()).file).toBe(join(directory, 'probes.json'));
    await writeFile(join(directory, 'probes.yml'), VALID);
    expect((await load()).file).toBe(join(directory, 'probes.yml'));
    await writeFile(file, VALID);
    expect((await load()).file).toBe(file);
  });

  it('then looks in the directory of the system', async () => {
    const system = join(directory, 'etc');
    await mkdir(system);
    expect(await findConfig(directory, system)).toBeUndefined();
    await writeFile(join(system, 'probes.yaml'), VALID);
    expect(await findConfig(directory, system)).toBe(join(system, 'probes.yaml'));
  });

  it('finds an empty file, and a wrong one, instead of passing over them', async () => {
    await writeFile(file, '');
    expect((await failure(load())).problems[0]?.code).toBe('empty');
    await writeFile(file, '$import: ./nothing.js\n');
    expect((await failure(load())).problems.map(({ code }) => code)).toContain('unknown_key');
  });

  it('never runs code that lies about as config', async () => {
    await writeFile(file, VALID);
    await mkdir(join(directory, '.config'));
    for (const name of ['.config/config.js', '.config/config.cjs', '.config/config.mjs', 'probes.js']) {
      await writeFile(
        join(directory, name),
        `require('fs').writeFileSync(${JSON.stringify(`${file}.ran`)}, '')`,
      );
    }
    await writeFile(join(directory, 'package.json'), '{"cosmiconfig":{"searchPlaces":["evil.yaml"]}}');
    const previous = process.cwd();
    // Forks of vitest may change directory; cosmiconfig looks for its own settings there.
    process.chdir(directory);
    try {
      expect((await load()).file).toBe(file);
    } finally {
      process.chdir(previous);
    }
    await expect(findConfig(`${file}.ran`)).resolves.toBeUndefined();
    const { existsSync } = await import('node:fs');
    expect(existsSync(`${file}.ran`)).toBe(false);
  });

  it('says where it looked', async () => {
    const error = await failure(load());
    expect(error.code).toBe('not_found');
    expect(error.message).toBe(
      `no config found: there is neither ${directory}/probes.yaml nor /etc/bee-agent/probes.yaml (nor probes.yml, probes.json there). Name one with --config FILE`,
    );
  });

  it('names the file that is not there', async () => {
    expect(await failure(load({ file: 'x.yaml' }))).toMatchObject({
      code: 'not_found',
      message: `${directory}/x.yaml: no such file`,
    });
  });
});

describe('reading', () => {
  it('refuses what is no regular file, without waiting for it', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const path of [fifo, directory, '/dev/zero']) {
      expect(await failure(load({ file: path }))).toMatchObject({ code: 'unreadable' });
    }
  });

  it('reads no more than 1 MiB', async () => {
    await writeFile(file, `${VALID}${'#'.repeat(2 * 1024 * 1024)}`);
    expect((await failure(load())).problems).toMatchObject([{ code: 'too_large' }]);
  });
});

const asRoot = process.getuid?.() === 0;

describe.runIf(asRoot)('as root', () => {
  const root = true;
  beforeEach(() => writeFile(file, VALID, { mode: 0o644 }));

  it('takes a file that only root can write', async () => {
    await expect(load({ root })).resolves.toBeDefined();
  });

  it.each([0o666, 0o602, 0o646])('refuses a file of mode %o, which anybody can write', async (mode) => {
    await chmod(file, mode);
    const error = await failure(load({ root }));
    expect(error.code).toBe('untrusted');
    expect(error.message).toContain(`others can write it (mode 0${mode.toString(8)})`);
    expect(error.message).toContain(`Run: chmod go-w ${file}`);
    execFileSync('sh', ['-c', error.message.split('Run: ')[1]!]);
    await expect(load({ root })).resolves.toBeDefined();
  });

  it('refuses a file that a group can write, unless it is the group of root', async () => {
    await chmod(file, 0o664);
    await expect(load({ root })).resolves.toBeDefined();
    await chown(file, 0, 1234);
    expect((await failure(load({ root }))).code).toBe('untrusted');
  });

  it('refuses the file of another user, unless it is the one who called sudo', async () => {
    await chown(file, 4321, 4321);
    const error = await failure(load({ root }));
    expect(error.message).toContain('it belongs to user 4321');
    expect(error.message).toContain(`Run: chown root ${file}`);
    expect((await failure(load({ root, env: { SUDO_UID: '99' } }))).code).toBe('untrusted');
    await expect(load({ root, env: { SUDO_UID: '4321' } })).resolves.toBeDefined();
  });

  it('refuses a file in a directory where anybody can replace it, at any level', async () => {
    const deep = join(directory, 'a b');
    await mkdir(deep);
    await writeFile(join(deep, 'probes.yaml'), VALID);
    await chmod(directory, 0o777);
    const error = await failure(load({ root, cwd: deep }));
    expect(error.message).toContain(`anybody can replace files in ${directory}`);
    await chmod(directory, 0o1777);
    await expect(load({ root, cwd: deep })).resolves.toBeDefined();
    await chmod(deep, 0o777);
    expect((await failure(load({ root, cwd: deep }))).message).toContain(`Run: chmod o-w '${deep}'`);
  });

  it('refuses a file in the directory of another user', async () => {
    await chown(directory, 4321, 4321);
    expect((await failure(load({ root }))).message).toContain(
      `its directory ${directory} belongs to user 4321`,
    );
    await expect(load({ root, env: { SUDO_UID: '4321' } })).resolves.toBeDefined();
  });

  it('looks at the file behind a symbolic link', async () => {
    const target = join(directory, 'target.yaml');
    await writeFile(target, VALID);
    await chmod(target, 0o666);
    await rm(file);
    await symlink(target, file);
    expect((await failure(load({ root }))).message).toContain(`${target}: refused`);
  });

  it('does not mind any of it when not running as root', async () => {
    await chmod(file, 0o666);
    await expect(load({ root: false })).resolves.toBeDefined();
  });
});
