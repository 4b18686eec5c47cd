import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { beeHere, beeHereOk } from '../support/bee-here.js';
import { answer, WebServer } from '../support/web-server.js';

const STORE = fileURLToPath(new URL('../fixtures/bumblebee/store', import.meta.url));
const ADA = `Basic ${Buffer.from('ada:secret').toString('base64')}`;

let folder: string;
let registry: WebServer;
let shown: Set<string>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bee-run-credentials-'));
  shown = new Set();
  // Private, and without signatures: nothing gets as far as the kernel.
  registry = await WebServer.start((request, response) => {
    const { authorization } = request.headers;
    if (authorization === undefined) return answer(response, 401, '{}', { 'www-authenticate': 'Basic' });
    shown.add(authorization);
    return answer(response, 404, '{}');
  });
  cpSync(STORE, join(folder, 'store'), { recursive: true });
  const { publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(folder, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  mkdirSync(join(folder, 'secrets'));
  const auths = { [registry.host]: { auth: ADA.slice('Basic '.length) } };
  writeFileSync(join(folder, 'secrets', 'config.json'), JSON.stringify({ auths }));
});
afterEach(async () => {
  await registry.stop();
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['-u and -p', () => ['-u', 'ada', '-p', 'secret']],
  ['--config-dir', () => ['--config-dir', join(folder, 'secrets')]],
  ['--config', () => ['--config', join(folder, 'secrets', 'config.json')]],
])('bee run asks for the signatures of an image that it has with %s', async (_what, flags) => {
  const env = { HOME: folder };
  const storage = ['--storage', join(folder, 'store')];
  const name = `${registry.host}/a/b:v1`;
  await beeHereOk(['tag', 'localhost:5000/fixtures/execs:v1', name, ...storage], { env });
  const args = ['run', name, '--listen', '127.0.0.1:0', '--verify-key', join(folder, 'key.pub'), '--no-tty'];
  const { code, stderr } = await beeHere([...args, ...storage, ...flags()], { env });
  expect(stderr).toMatch(/is not trusted: .* has no signature by .*in the registry \S+: none\./);
  expect(code).toBe(1);
  expect([...shown]).toEqual([ADA]);
});
