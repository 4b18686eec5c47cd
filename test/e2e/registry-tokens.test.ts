import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isInstalled } from '../support/bee.js';
import { beeHere, beeHereOk } from '../support/bee-here.js';
import { DockerRegistry } from '../support/registry.js';
import { TokenServer } from '../support/token-server.js';

const STORE = fileURLToPath(new URL('../fixtures/bumblebee/store', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';
const HERE = isInstalled('docker-registry') && isInstalled('openssl');

describe.skipIf(!HERE)(
  'docker-registry behind a token server (one of them or openssl is not installed: skipped)',
  () => {
    let tokens: TokenServer;
    let registry: DockerRegistry;
    let folder: string;
    const env = (): NodeJS.ProcessEnv => ({ HOME: folder, BEE_STORAGE: join(folder, 'store') });
    const ada = ['-u', 'ada', '-p', 'secret'];

    beforeAll(async () => {
      tokens = await TokenServer.start();
      registry = await DockerRegistry.start({ auth: tokens.auth });
    });
    afterAll(async () => {
      await registry.stop();
      await tokens.stop();
    });
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'bee-tokens-'));
      cpSync(STORE, join(folder, 'store'), { recursive: true });
      tokens.requests.length = 0;
      tokens.answers = 'token';
      tokens.allowed = ['pull', 'push'];
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    const tag = async (repository: string): Promise<string> => {
      const name = `${registry.host}/${repository}:v1`;
      await beeHereOk(['tag', EXECS, name], { env: env() });
      return name;
    };
    const dockerConfig = (config: unknown): void => {
      mkdirSync(join(folder, '.docker'), { recursive: true });
      writeFileSync(join(folder, '.docker', 'config.json'), JSON.stringify(config));
    };

    it.each(['token', 'access_token'] as const)('takes a push and a pull with its `%s`', async (answers) => {
      tokens.answers = answers;
      const name = await tag(`tokens/${answers.replace('_', '-')}`);
      const pushed = await beeHereOk(['push', name, ...ada], { env: env() });
      const repository = name.slice(registry.host.length + 1, -3);
      expect(tokens.requests.map(({ scopes }) => scopes)).toContainEqual(
        expect.arrayContaining([`repository:${repository}:pull,push`]),
      );
      expect(tokens.requests.every(({ service }) => service === 'probes')).toBe(true);
      // One token a scope is enough for every request.
      expect(tokens.requests.length).toBeLessThanOrEqual(2);
      tokens.requests.length = 0;
      const other = { ...env(), BEE_STORAGE: join(folder, 'other') };
      expect(await beeHereOk(['pull', name, ...ada], { env: other })).toBe(pushed);
      expect(tokens.requests.map(({ scopes }) => scopes)).toEqual([[`repository:${repository}:pull`]]);
    });

    it('takes a refresh token that Docker keeps, and shows it to nobody else', async () => {
      const name = await tag('tokens/refresh');
      await beeHereOk(['push', name, ...ada], { env: env() });
      tokens.requests.length = 0;
      dockerConfig({ auths: { [registry.host]: { auth: 'YWRhOg==', identitytoken: 'long-lived' } } });
      await beeHereOk(['pull', name], { env: env() });
      expect(tokens.requests).toEqual([
        expect.objectContaining({ method: 'POST', grant: 'refresh_token', authorization: undefined }),
      ]);
    });

    it('keeps a token that is given without a user, as BumbleBee does, in the form that Docker reads', async () => {
      const name = await tag('tokens/given');
      await beeHereOk(['push', name, ...ada], { env: env() });
      const wrong = await beeHere(['login', registry.host, '-p', 'short-lived'], { env: env() });
      expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('refuses') });
      expect(await beeHereOk(['login', registry.host, '-p', 'long-lived'], { env: env() })).toBe(
        'Login Succeeded',
      );
      const kept = JSON.parse(readFileSync(join(folder, '.bumblebee', 'config.json'), 'utf8'));
      expect(kept).toEqual({ auths: { [registry.host]: { identitytoken: 'long-lived' } } });
      tokens.requests.length = 0;
      await beeHereOk(['pull', name], { env: env() });
      expect(tokens.requests).toEqual([expect.objectContaining({ grant: 'refresh_token' })]);
      tokens.requests.length = 0;
      await beeHereOk(['logout', registry.host], { env: env() });
      await beeHereOk(['pull', name, '-p', 'long-lived'], { env: env() });
      expect(tokens.requests).toEqual([expect.objectContaining({ grant: 'refresh_token' })]);
    });

    it('keeps a login in the first file of --config, as BumbleBee does', async () => {
      const [first, second] = [join(folder, 'first.json'), join(folder, 'second.json')];
      const general = ['--config', first, '-c', second];
      await beeHereOk([...general, 'login', registry.host, ...ada], { env: env() });
      expect([second, join(folder, '.bumblebee')].filter((path) => existsSync(path))).toEqual([]);
      expect(JSON.parse(readFileSync(first, 'utf8')).auths).toHaveProperty([registry.host]);
      const name = await tag('tokens/config');
      expect((await beeHere(['push', name], { env: env() })).code).toBe(1);
      await beeHereOk(['-c', first, 'push', name], { env: env() });
      expect(await beeHereOk([...general, 'logout', registry.host], { env: env() })).toMatch(/^Logged out/);
      expect((await beeHere(['-c', first, 'push', name], { env: env() })).code).toBe(1);
    });

    it('takes a refresh token of a credential helper, which says so by <token>', async () => {
      const name = await tag('tokens/helper');
      await beeHereOk(['push', name, ...ada], { env: env() });
      const programs = join(folder, 'bin');
      mkdirSync(programs);
      const script = `#!/bin/sh\nread -r host; echo "$host" >>${folder}/asked\necho '{"ServerURL":"x","Username":"<token>","Secret":"long-lived"}'\n`;
      writeFileSync(join(programs, 'docker-credential-vault'), script, { mode: 0o755 });
      dockerConfig({ credsStore: 'vault' });
      // Helpers are found by the PATH of the process.
      const path = process.env.PATH;
      process.env.PATH = `${programs}:${path}`;
      tokens.requests.length = 0;
      try {
        await beeHereOk(['pull', name], { env: env() });
      } finally {
        process.env.PATH = path;
      }
      expect(tokens.requests).toEqual([expect.objectContaining({ grant: 'refresh_token' })]);
    });

    it('refuses who may only read, and says so', async () => {
      tokens.allowed = ['pull'];
      const name = await tag('tokens/readonly');
      const { code, stderr } = await beeHere(['push', name, ...ada], { env: env() });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: no permission for .*: 127\S+ answers 401 \(UNAUTHORIZED/);
      // Once without and once with a token, for each of the scopes: no loop.
      expect(tokens.requests.length).toBeLessThanOrEqual(2);
    });

    it('refuses a wrong password and nobody, and shows no secret', async () => {
      const name = await tag('tokens/wrong');
      const wrong = await beeHere(['push', name, '-v', '-u', 'ada', '-p', 'hunter2'], { env: env() });
      expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('refuses the credentials') });
      expect(wrong.stderr).not.toMatch(/hunter2|YWRhOmh1bnRlcjI/);
      const nobody = await beeHere(['pull', name], { env: env() });
      expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining('wants a user') });
    });

    it('is logged in to; then a description and a list of tags need no more', async () => {
      const name = await tag('tokens/described');
      await beeHereOk(['push', name, ...ada], { env: env() });
      await beeHereOk(['login', registry.host, ...ada], { env: env() });
      const elsewhere = { ...env(), BEE_STORAGE: join(folder, 'empty') };
      const described = JSON.parse(
        await beeHereOk(['describe', name, '--output', 'json'], { env: elsewhere }),
      );
      expect(described).toMatchObject({ from: registry.host, maps: expect.anything() });
      const inspected = JSON.parse(await beeHereOk(['inspect', name], { env: elsewhere }));
      expect(inspected.manifest.layers[0].digest).toMatch(/^sha256:/);
      expect(await beeHereOk(['list', name.slice(0, -3)], { env: elsewhere })).toBe('v1');
      // Nothing of it was stored.
      expect(await beeHereOk(['list', '--output', 'json'], { env: elsewhere })).toBe('[]');
      const missing = await beeHere(['describe', `${name}x`], { env: elsewhere });
      expect(missing.stderr).toMatch(/^error: no image .* in the store .*, nor in its registry\n/);
    });
  },
);
