import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ImageStore, parseReference, pushImage, Registries } from '../../core/oci/index.js';
import { AgentProcess } from '../support/agent.js';
import { isInstalled } from '../support/bee.js';
import { makeCa, makeCertificate } from '../support/certificates.js';
import { DockerRegistry } from '../support/registry.js';
import { MANIFEST } from '../support/signatures.js';
import { answer, WebServer } from '../support/web-server.js';

const STORE = fileURLToPath(new URL('../fixtures/bumblebee/store', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';

let folder: string;
let store: ImageStore;
let hanging: WebServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bee-agent-pull-'));
  store = new ImageStore(join(folder, 'store'));
  cpSync(STORE, store.folder, { recursive: true });
  // Takes the question and never answers.
  hanging = await WebServer.start(() => {});
});
afterEach(async () => {
  await hanging.stop();
  rmSync(folder, { recursive: true, force: true });
});

const config = (probes: string): string => `
probes:
${probes}
agent: { listen: "127.0.0.1:0", storage: ${store.folder} }
`;

async function states(agent: AgentProcess): Promise<Record<string, string>> {
  const { probes } = (await (await fetch(`${agent.url}/api/v1/probes`)).json()) as {
    probes: { name: string; state: string }[];
  };
  return Object.fromEntries(probes.map(({ name, state }) => [name, state]));
}

describe('a registry that hangs', () => {
  it('holds up neither the probes of others nor a stop', async () => {
    const agent = await AgentProcess.begin(
      config(`  - { image: "${hanging.host}/a/slow:v1", name: slow }
  - { image: "${EXECS}", name: execs, pull: never }`),
    );
    await agent.until(() => hanging.asked.length > 0);
    await agent.until(async () => (await states(agent)).execs === 'running');
    expect(await states(agent)).toEqual({ slow: 'pulling', execs: 'running' });
    // Ready is who runs: what the registry holds up is told of, and not waited for.
    const ready = await fetch(`${agent.url}/readyz`);
    expect({ status: ready.status, body: await ready.json() }).toMatchObject({
      status: 200,
      body: {
        ready: true,
        probes: [
          { name: 'slow', state: 'pulling' },
          { name: 'execs', state: 'running' },
        ],
      },
    });
    // A pull may take two minutes; a stop ends it.
    expect(await agent.stop()).toBe(0);
    expect(agent.stderr).not.toMatch(/^\s+at /m);
  }, 60_000);

  it('is given up after pull_timeout, and asked again later', async () => {
    const agent = await AgentProcess.begin(
      config(`  - { image: "${hanging.host}/a/slow:v1", name: slow }
  - { image: "${EXECS}", name: execs, pull: never }`).replace('storage:', 'pull_timeout: 1s, storage:'),
    );
    await agent.until(async () => (await states(agent)).slow === 'failed');
    expect(agent.stderr).toContain(
      `pulling it failed: ${hanging.host}/a/slow:v1 was not pulled within 1s (agent.pull_timeout)`,
    );
    await agent.until(async () => (await states(agent)).slow === 'pulling', 15_000);
    expect(await agent.stop()).toBe(0);
  }, 60_000);

  it('does not stop what the store has, though it is asked first', async () => {
    const name = `${hanging.host}/a/stored:v1`;
    const probe = await store.readProbe(EXECS);
    await store.putProbe(name, probe!.program);
    const agent = await AgentProcess.begin(
      config(`  - { image: "${name}", name: stored, pull: always }
  - { image: "${EXECS}", name: execs, pull: missing }`),
    );
    await agent.until(() => hanging.asked.length > 0);
    // It goes away instead of answering: then, and at the latest after three times 15 s, the stored image runs.
    await hanging.stop();
    hanging = await WebServer.start(() => {});
    await agent.until(async () => (await states(agent)).stored === 'running', 60_000);
    expect(agent.stderr).toContain('pulling failed, the image in the store is used');
    expect(await agent.stop()).toBe(0);
  }, 90_000);
});

describe('a registry that answers, asked first', () => {
  let answering: WebServer;
  afterEach(() => answering.stop());

  /** What becomes of a probe whose image the store has, with a registry that answers so. */
  async function outcome(answers: Parameters<typeof WebServer.start>[0]): Promise<AgentProcess> {
    answering = await WebServer.start(answers);
    const name = `${answering.host}/a/stored:v1`;
    await store.putProbe(name, (await store.readProbe(EXECS))!.program);
    const agent = await AgentProcess.begin(
      config(`  - { image: "${name}", name: stored, pull: always }
  - { image: "${EXECS}", name: execs, pull: never }`),
    );
    await agent.until(async () => {
      const { stored = '', execs } = await states(agent);
      return execs === 'running' && /^(?:running|failed)$/.test(stored);
    }, 30_000);
    return agent;
  }

  const manifest = (layer: string): string =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: {
        mediaType: 'application/ebpf.oci.image.config.v1+json',
        digest: `sha256:${createHash('sha256').update('{}').digest('hex')}`,
        size: 2,
      },
      layers: [
        {
          mediaType: 'application/ebpf.oci.image.program.v1+binary',
          digest: `sha256:${createHash('sha256').update(layer).digest('hex')}`,
          size: layer.length,
        },
      ],
    });

  it.each<[string, string, Parameters<typeof WebServer.start>[0]]>([
    [
      'that the image is gone',
      '(?:has no image|no such thing)',
      (_request, response) => answer(response, 404, '{}'),
    ],
    [
      'that it wants a password',
      "wants a user's name and password",
      (_request, response) => answer(response, 401, '{}', { 'www-authenticate': 'Basic realm="r"' }),
    ],
    ['that this is not allowed', 'no permission', (_request, response) => answer(response, 403, '{}')],
    [
      'with other bytes than it promised',
      'digest',
      ({ url = '' }, response) => {
        if (url.endsWith('/manifests/v1'))
          return answer(response, 200, manifest('promised'), { 'content-type': MANIFEST });
        return answer(response, 200, url.includes('/blobs/sha256:44136f') ? '{}' : 'but lied!'.slice(0, 8));
      },
    ],
  ])('is heard: %s, and the image in the store does not run instead', async (_what, says, answers) => {
    const agent = await outcome(answers);
    expect(await states(agent)).toEqual({ stored: 'failed', execs: 'running' });
    expect(agent.stderr).toMatch(
      new RegExp(`${says}.*with pull: always the store's image runs only where the registry is down`),
    );
    expect(agent.stderr).not.toContain('the image in the store is used');
    expect(await agent.stop()).toBe(0);
  });

  it('is down where all it says is that it is out of order', async () => {
    const agent = await outcome((_request, response) => answer(response, 503, '{}'));
    expect(await states(agent)).toEqual({ stored: 'running', execs: 'running' });
    expect(agent.stderr).toContain('pulling failed, the image in the store is used');
    expect(await agent.stop()).toBe(0);
  });
});

describe.skipIf(!isInstalled('docker-registry') || !isInstalled('openssl'))(
  'a registry with a certificate of its own (docker-registry or openssl is not installed: skipped)',
  () => {
    let registry: DockerRegistry;
    let pki: string;
    let name: string;
    beforeAll(async () => {
      pki = mkdtempSync(join(tmpdir(), 'bee-agent-pki-'));
      makeCa(pki, 'ca');
      makeCertificate(pki, 'server', 'ca');
      registry = await DockerRegistry.start({
        tls: `  tls: { certificate: ${join(pki, 'server.pem')}, key: ${join(pki, 'server.key')} }`,
      });
      name = `${registry.host}/own/execs:v1`;
      const registries = new Registries({ env: {}, caFile: join(pki, 'ca.pem') });
      const pushed = { to: parseReference(name) };
      await pushImage(new ImageStore(STORE), registries, parseReference(EXECS), pushed);
      await registries.close();
    });
    afterAll(async () => {
      await registry.stop();
      rmSync(pki, { recursive: true, force: true });
    });
    const pulling = async (settings: string): Promise<string> => {
      const agent = await AgentProcess.begin(
        config(`  - { image: "${name}", name: execs }`).replace(
          'storage:',
          `registries: { "${registry.host}": ${settings} }, storage:`,
        ),
      );
      await agent.until(() => /running:|no probe is running|failed/.test(agent.stderr), 30_000);
      await agent.stop();
      return agent.stderr;
    };

    it.each([
      ['the authority that signed it', () => `{ ca: ${join(pki, 'ca.pem')} }`],
      ['no care for certificates', () => '{ insecure: true }'],
    ])('is pulled from with %s', async (_what, settings) => {
      expect(await pulling(settings())).toContain(`pulled ${name} sha256:`);
    });

    it('is not pulled from otherwise, and the log says what helps', async () => {
      expect(await pulling('{ plain_http: false }')).toMatch(
        /its certificate is not trusted .*for the agent: agent\.registries/,
      );
      expect(await pulling(`{ ca: ${join(pki, 'none.pem')} }`)).toContain(
        `cannot read the certificates in ${join(pki, 'none.pem')}: there is no such file or folder`,
      );
      const open = join(pki, 'open.pem');
      copyFileSync(join(pki, 'ca.pem'), open);
      chmodSync(open, 0o666);
      if (process.getuid?.() === 0)
        expect(await pulling(`{ ca: ${open} }`)).toContain(
          `${open}: refused, as root: others can write it (mode 0666)`,
        );
    }, 60_000);
  },
);
