import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { bee, beeOk, isInstalled, run } from '../support/bee.js';
import { DockerRegistry, freePort } from '../support/registry.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/bumblebee/', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';

let folder: string;
let store: string;
let home: string;
/** Every command with a store and a home of its own: no test reads the user's credentials. */
const env = (): NodeJS.ProcessEnv => ({
  BEE_STORAGE: store,
  HOME: home,
  DOCKER_CONFIG: join(home, '.docker'),
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-reg-'));
  store = join(folder, 'store');
  home = join(folder, 'home');
  mkdirSync(home);
  cpSync(join(FIXTURES, 'store'), store, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const digestOf = (text: string): string => text.trim().split('\n').at(-1)!;

describe.skipIf(!isInstalled('docker-registry'))(
  'a registry (docker-registry is not installed: skipped)',
  () => {
    let registry: DockerRegistry;
    beforeAll(async () => {
      registry = await DockerRegistry.start();
    });
    afterAll(() => registry.stop());

    it('takes what the original wrote and gives it back the same', async () => {
      const name = `${registry.host}/fixtures/execs:v1`;
      const tagged = digestOf(await beeOk(['tag', EXECS, name], { env: env() }));
      const pushed = await beeOk(['push', name], { env: env() });
      expect(digestOf(pushed)).toBe(tagged);
      const other = join(folder, 'other');
      const { code, stdout, stderr } = await bee(['pull', name, '--output', 'json'], {
        env: { ...env(), BEE_STORAGE: other },
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({ reference: name, digest: tagged, store: other });
      const inspect = async (storage: string): Promise<unknown> => {
        const { manifest, config } = JSON.parse(
          await beeOk(['inspect', name], { env: { ...env(), BEE_STORAGE: storage } }),
        );
        return { manifest, config };
      };
      expect(await inspect(other)).toEqual(await inspect(store));
      // Again: everything is there.
      expect(digestOf(await beeOk(['push', name], { env: env() }))).toBe(tagged);
    });

    it('pulls by digest, and nothing else under it', async () => {
      const name = `${registry.host}/fixtures/pinned`;
      const digest = digestOf(await beeOk(['tag', EXECS, `${name}:v1`], { env: env() }));
      await beeOk(['push', `${name}:v1`], { env: env() });
      expect(digestOf(await beeOk(['pull', `${name}@${digest}`], { env: env() }))).toBe(digest);
      const { code, stderr } = await bee(['pull', `${name}@sha256:${'0'.repeat(64)}`], { env: env() });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: the registry has no image 127/);
    });

    it('says what is missing', async () => {
      for (const verb of ['push', 'tag', 'rm']) {
        const args = verb === 'tag' ? [verb, 'no/such:v1', 'x:y'] : [verb, 'no/such:v1'];
        const { code, stderr } = await bee(args, { env: env() });
        expect({ code, stderr }).toEqual({
          code: 1,
          stderr: expect.stringMatching(/^error: no image no\/such:v1 in the store .*\n$/),
        });
      }
      const { code, stderr } = await bee(['pull', `${registry.host}/no/such:v1`], { env: env() });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^error: the registry has no image 127\S+\/no\/such:v1\n$/),
      });
      const gone = await bee(['pull', `127.0.0.1:${await freePort()}/x:v1`], { env: env() });
      expect(gone.stderr).toMatch(/cannot reach 127.*connection refused/);
    });

    it('uploads in pieces where the program is large', async () => {
      const source = join(folder, 'big.c');
      writeFileSync(
        source,
        `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
const char padding[20 << 20] SEC(".rodata.padding") = { 1 };
SEC("tracepoint/sched/sched_process_exec") int on_exec(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
`,
      );
      const name = `${registry.host}/big:v1`;
      await beeOk(['build', source, name], { env: env() });
      const pushed = digestOf(await beeOk(['push', name], { env: env() }));
      const other = join(folder, 'other');
      expect(digestOf(await beeOk(['pull', name], { env: { ...env(), BEE_STORAGE: other } }))).toBe(pushed);
    }, 60_000);

    it.skipIf(!isInstalled('skopeo'))('holds what skopeo reads, and takes what skopeo wrote', async () => {
      const name = `${registry.host}/fixtures/skopeo:v1`;
      await beeOk(['tag', EXECS, name], { env: env() });
      const digest = digestOf(await beeOk(['push', name], { env: env() }));
      const layout = join(folder, 'layout');
      run(
        'skopeo',
        'copy',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        `docker://${name}`,
        `docker://${registry.host}/fixtures/copied:v2`,
      );
      const seen = JSON.parse(
        run(
          'skopeo',
          'inspect',
          '--tls-verify=false',
          '--raw',
          `docker://${registry.host}/fixtures/copied:v2`,
        ),
      );
      expect(seen.layers[0].mediaType).toBe('application/ebpf.oci.image.program.v1+binary');
      const pulled = await beeOk(['pull', `${registry.host}/fixtures/copied:v2`], {
        env: { ...env(), BEE_STORAGE: layout },
      });
      expect(digestOf(pulled)).toBe(digest);
    });

    it('gives the agent an image that its store has not', async () => {
      const name = `${registry.host}/fixtures/agent:v1`;
      await beeOk(['tag', EXECS, name], { env: env() });
      await beeOk(['push', name], { env: env() });
      const storage = join(folder, 'agent-store');
      const config = (pull: string): string =>
        `probes: [{ image: "${name}", name: execs, pull: ${pull} }]
agent: { listen: "127.0.0.1:0", storage: ${storage} }
`;
      const never = await AgentProcess.start(config('never'), '--strict', '--duration', '1s');
      await never.until(() => never.child.exitCode !== null);
      expect(never.stderr).toContain(`no image ${name} in the store`);
      const agent = await AgentProcess.start(config('missing'));
      await agent.until(() => agent.stderr.includes('running:'));
      expect(agent.stderr).toContain(`pulled ${name} sha256:`);
      await agent.stop();
      // The registry answers nothing any more under this name: what is in the store runs.
      const again = await AgentProcess.start(
        config('always').replace(name, name.replace(/:\d+\//, `:${await freePort()}/`)),
      );
      await again.until(() => /pulling it failed|connection refused/.test(again.stderr));
      await again.stop();
    }, 60_000);

    it('lets go of what nothing names, and of nothing else', async () => {
      const name = `${registry.host}/fixtures/gone:v1`;
      await beeOk(['tag', EXECS, name], { env: env() });
      await beeOk(['rm', name], { env: env() });
      await beeOk(['describe', EXECS], { env: env() });
      expect(
        JSON.parse(await beeOk(['list', '--output', 'json'], { env: env() })).map(
          (one: { name: string }) => one.name,
        ),
      ).not.toContain(name);
    });
  },
);

describe.skipIf(!isInstalled('docker-registry') || !isInstalled('htpasswd') || !isInstalled('openssl'))(
  'a registry with TLS and passwords (docker-registry, htpasswd or openssl is not installed: skipped)',
  () => {
    let registry: DockerRegistry;
    let pki: string;
    beforeAll(async () => {
      pki = mkdtempSync(join(tmpdir(), 'bee-pki-'));
      run(
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=127.0.0.1',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-keyout',
        join(pki, 'key.pem'),
        '-out',
        join(pki, 'cert.pem'),
      );
      writeFileSync(join(pki, 'users'), run('htpasswd', '-Bbn', 'ada', 'se:cret'));
      registry = await DockerRegistry.start({
        tls: `  tls: { certificate: ${join(pki, 'cert.pem')}, key: ${join(pki, 'key.pem')} }`,
        auth: `auth: { htpasswd: { realm: test, path: ${join(pki, 'users')} } }`,
      });
    });
    afterAll(async () => {
      await registry.stop();
      rmSync(pki, { recursive: true, force: true });
    });
    const tls = (): string[] => ['--ca-file', join(pki, 'cert.pem')];

    it('is logged in to, pushed to, pulled from and logged out of; the password shows nowhere', async () => {
      const name = `${registry.host}/fixtures/secret:v1`;
      await beeOk(['tag', EXECS, name], { env: env() });
      const secure = tls();
      const denied = await bee(['push', name, ...secure], { env: env() });
      expect(denied.code).toBe(1);
      expect(denied.stderr).toMatch(/wants a user's name and password: bee login 127/);
      const wrong = await bee(['login', registry.host, '-u', 'ada', '-p', 'wrong', ...secure], {
        env: env(),
      });
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toMatch(/no permission|refuses/);
      expect(existsSync(join(home, '.bumblebee', 'config.json'))).toBe(false);
      const login = await bee(['login', registry.host, '-u', 'ada', '-p', 'se:cret', ...secure], {
        env: env(),
      });
      expect(login).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
      const file = join(home, '.bumblebee', 'config.json');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(JSON.parse(readFileSync(file, 'utf8')).auths[registry.host].auth).toBe(
        Buffer.from('ada:se:cret').toString('base64'),
      );
      const pushed = await bee(['push', name, '-v', ...secure], { env: env() });
      expect(pushed.code).toBe(0);
      expect(login.stderr + pushed.stderr).not.toMatch(/se:cret|YWRh/);
      await beeOk(['pull', name, ...secure], { env: { ...env(), BEE_STORAGE: join(folder, 'other') } });
      await beeOk(['logout', registry.host], { env: env() });
      expect((await bee(['pull', name, ...secure], { env: env() })).code).toBe(1);
      // Docker's file is read, too.
      mkdirSync(join(home, '.docker'));
      writeFileSync(
        join(home, '.docker', 'config.json'),
        JSON.stringify({
          auths: { [registry.host]: { auth: Buffer.from('ada:se:cret').toString('base64') } },
        }),
      );
      await beeOk(['pull', name, ...secure], { env: env() });
    }, 60_000);

    it('is spoken to with flags before the command as with flags behind it', async () => {
      const name = `${registry.host}/fixtures/general:v1`;
      const digest = digestOf(await beeOk(['tag', EXECS, name], { env: env() }));
      const flags = ['--ca-file', join(pki, 'cert.pem'), '-u', 'ada', '-p', 'se:cret'];
      const there = { ...env(), BEE_STORAGE: join(folder, 'other') };
      expect(digestOf(await beeOk([...flags, 'push', name], { env: env() }))).toBe(digest);
      expect(await beeOk([...flags, 'list', name.replace(':v1', '')], { env: there })).toBe('v1\n');
      const none = await bee([...flags, 'list', `${registry.host}/no/such`], { env: there });
      expect(none.code).toBe(1);
      expect(none.stderr).toContain(`no such repository: ${registry.host}/no/such: `);
      for (const verb of ['describe', 'inspect'])
        expect(await beeOk([...flags, verb, name], { env: there })).toContain(digest);
      const [ca = '', file = '', ...credentials] = flags;
      expect(digestOf(await beeOk([ca, file, 'pull', name, ...credentials], { env: there }))).toBe(digest);
      expect(await beeOk([...flags, 'login', registry.host], { env: there })).toBe('Login Succeeded\n');
      expect(digestOf(await beeOk(['--insecure', 'pull', name], { env: there }))).toBe(digest);
      const half = await bee(['-u', 'ada', 'pull', name], { env: there });
      expect(half).toMatchObject({ code: 2, stderr: expect.stringContaining('-u and -p go together') });
      const plain = await bee(['--plain-http', 'pull', name], { env: there });
      expect(plain).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/answers 400 \(it speaks TLS: --ca-file .* --insecure /),
      });
    }, 60_000);

    it('is not spoken to when nobody knows its certificate', async () => {
      const other = join(folder, 'other.pem');
      run(
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=other',
        '-keyout',
        '/dev/null',
        '-out',
        other,
      );
      const { code, stderr } = await bee(['pull', `${registry.host}/x:v1`, '--ca-file', other], {
        env: env(),
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/certificate is not trusted.*--ca-file names an authority/);
      const insecure = await bee(
        ['pull', `${registry.host}/x:v1`, '--insecure', '-u', 'ada', '-p', 'se:cret'],
        { env: env() },
      );
      expect(insecure.stderr).toMatch(/the registry has no image/);
    });
  },
);

describe('a registry with a token server', () => {
  let key: KeyObject;
  let token: string;
  let server: Server;
  let tokens: { authorization: string | undefined; url: string; body: string }[];
  let host: string;
  const manifest = Buffer.from(
    '{"schemaVersion":2,"config":{"mediaType":"application/ebpf.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}',
  );

  beforeEach(async () => {
    key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    tokens = [];
    token = createSign('sha256').update('token').sign(key).toString('base64url');
    server = await serve(async (request, response) => {
      const url = new URL(request.url!, `http://${request.headers.host}`);
      if (url.pathname === '/token') {
        const { authorization } = request.headers;
        const body = await bodyOf(request);
        tokens.push({ authorization, url: request.url!, body });
        const refreshed = new URLSearchParams(body).get('refresh_token') === 'long-lived';
        const basic = authorization === `Basic ${Buffer.from('ada:secret').toString('base64')}`;
        if (!basic && !refreshed) return end(response, 401, '{}');
        return end(
          response,
          200,
          JSON.stringify(refreshed ? { access_token: token } : { token, expires_in: 300 }),
        );
      }
      if (request.headers.authorization !== `Bearer ${token}`) {
        response.setHeader(
          'www-authenticate',
          `Bearer realm="http://${request.headers.host}/token",service="test",scope="repository:a/b:pull"`,
        );
        return end(response, 401, '{"errors":[{"code":"UNAUTHORIZED","message":"who?"}]}');
      }
      if (url.pathname.includes('/manifests/')) {
        response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json');
        return end(response, 200, manifest);
      }
      return end(response, 200, '{}');
    });
    host = hostOf(server);
  });
  afterEach(() => closing(server));

  it('gives a token for a password', async () => {
    const { code, stdout, stderr } = await bee(['pull', `${host}/a/b:v1`, '-u', 'ada', '-p', 'secret'], {
      env: env(),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(digestOf(stdout)).toBe(`sha256:${createHash('sha256').update(manifest).digest('hex')}`);
    expect(tokens.length).toBe(1);
    expect(tokens[0]!.url).toMatch(/service=test&scope=repository%3Aa%2Fb%3Apull&account=ada/);
  });

  it('gives a token for a refresh token', async () => {
    mkdirSync(join(home, '.docker'));
    writeFileSync(
      join(home, '.docker', 'config.json'),
      JSON.stringify({ auths: { [host]: { identitytoken: 'long-lived' } } }),
    );
    await beeOk(['pull', `${host}/a/b:v1`], { env: env() });
    expect(tokens.map(({ authorization }) => authorization)).toEqual([undefined]);
    expect(tokens[0]!.body).toContain('grant_type=refresh_token');
  });

  it('is not asked where Docker keeps a token for the registry itself', async () => {
    mkdirSync(join(home, '.docker'));
    const config = { auths: { [host]: { registrytoken: token } } };
    writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify(config));
    await beeOk(['pull', `${host}/a/b:v1`], { env: env() });
    expect(tokens).toEqual([]);
    writeFileSync(
      join(home, '.docker', 'config.json'),
      JSON.stringify({ auths: { [host]: { registrytoken: 'expired' } } }),
    );
    const { code, stderr } = await bee(['pull', `${host}/a/b:v1`], { env: env() });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^error: no permission for .*: \S+ answers 401/),
    });
    expect(stderr).not.toContain('expired');
  });

  it('gives none to a stranger', async () => {
    const { code, stderr } = await bee(['pull', `${host}/a/b:v1`], { env: env() });
    expect(code).toBe(1);
    expect(stderr).toContain(`${host} wants a user's name and password: bee login ${host}`);
  });

  it('asks the credential helper that Docker would ask', async () => {
    const programs = join(folder, 'bin');
    mkdirSync(programs);
    writeFileSync(
      join(programs, 'docker-credential-test'),
      `#!/bin/sh\nread -r host\n[ "$host" = "${host}" ] || { echo "credentials not found in native keychain"; exit 1; }\necho '{"ServerURL":"'$host'","Username":"ada","Secret":"secret"}'\n`,
      { mode: 0o755 },
    );
    mkdirSync(join(home, '.docker'));
    writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ credHelpers: { [host]: 'test' } }));
    const path = `${programs}:${process.env.PATH}`;
    await beeOk(['pull', `${host}/a/b:v1`], { env: { ...env(), PATH: path } });
    writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ credsStore: 'absent' }));
    const { stderr } = await bee(['pull', `${host}/a/b:v1`], { env: { ...env(), PATH: path } });
    expect(stderr).toMatch(/credential helper "absent": docker-credential-absent is not installed/);
  });
});

describe('a registry that misbehaves', () => {
  const program = Buffer.alloc(100_000, 'x');
  const sha = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const config = Buffer.from('{}');
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/ebpf.oci.image.config.v1+json', digest: sha(config), size: 2 },
      layers: [
        {
          mediaType: 'application/ebpf.oci.image.program.v1+binary',
          digest: sha(program),
          size: program.length,
        },
      ],
    }),
  );
  let server: Server | undefined;
  let asked: IncomingMessage[];
  afterEach(async () => {
    if (server) await closing(server);
  });

  /** A sound registry of one image, but for what `twist` does; true: it has answered. */
  async function registry(
    twist: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>,
  ): Promise<string> {
    asked = [];
    server = await serve(async (request, response) => {
      asked.push(request);
      if (await twist(request, response)) return;
      const { url = '' } = request;
      if (url.includes('/manifests/')) {
        response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json');
        return end(response, 200, manifest);
      }
      if (url.endsWith(sha(config))) return end(response, 200, config);
      if (url.endsWith(sha(program))) return end(response, 200, program);
      return end(response, 404, '{}');
    });
    return hostOf(server);
  }
  const isProgram = (request: IncomingMessage): boolean => request.url!.endsWith(sha(program));
  const pull = async (host: string) => bee(['pull', `${host}/a/b:v1`], { env: env() });

  it('by another content than the digest says', async () => {
    const host = await registry(
      (request, response) => isProgram(request) && end(response, 200, Buffer.alloc(100_000, 'y')),
    );
    const { code, stderr } = await pull(host);
    expect(code).toBe(1);
    expect(stderr).toMatch(/what 127\S+ sends as sha256:\w+ has another digest/);
    expect((await bee(['describe', `${host}/a/b:v1`], { env: env() })).code).toBe(1);
  });

  it('by a body that ends too early, which is asked for again from where it ended', async () => {
    let cut = 0;
    const host = await registry((request, response) => {
      if (!isProgram(request) || cut++ > 1) {
        const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
        if (from === undefined) return false;
        response.setHeader('content-range', `bytes ${from}-${program.length - 1}/${program.length}`);
        return end(response, 206, program.subarray(Number(from)));
      }
      response.writeHead(200, { 'content-length': program.length });
      response.write(program.subarray(0, 30_000));
      setTimeout(() => response.destroy(), 50);
      return true;
    });
    const { code, stderr } = await pull(host);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(asked.filter(isProgram).map((request) => request.headers.range)).toContain('bytes=30000-');
  }, 30_000);

  it('by a body without an end', async () => {
    const host = await registry((request, response) => {
      if (!isProgram(request)) return false;
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return true;
    });
    const { code, stderr } = await pull(host);
    expect(code).toBe(1);
    expect(stderr).toMatch(/sends more than the 100000 bytes of sha256/);
  });

  it('by a manifest without an end', async () => {
    const host = await registry((request, response) => {
      if (!request.url!.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return true;
    });
    expect((await pull(host)).stderr).toMatch(/more than the 4194304 bytes allowed/);
  });

  it('by too many requests, until it has recovered', async () => {
    let refused = 0;
    const host = await registry((_, response) => {
      if (refused++ >= 3) return false;
      response.setHeader('retry-after', '0');
      return end(response, 429, '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down\\u001b[2J"}]}');
    });
    expect((await pull(host)).code).toBe(0);
  }, 30_000);

  it('by too many requests for ever, said in its own words but not to the terminal', async () => {
    const host = await registry((_, response) => {
      response.setHeader('retry-after', '3600');
      return end(response, 429, '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow\\u001b[2Jdown"}]}');
    });
    const { code, stderr } = await pull(host);
    expect(code).toBe(1);
    expect(stderr).toMatch(/answers 429 \(TOOMANYREQUESTS: slow \[2Jdown\); it asks to come back in 3600 s/);
  });

  it('by a redirect to another host, which sees no credentials', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = await serve((request, response) => {
      seen.push(request.headers.authorization);
      end(response, 200, program);
    });
    try {
      const host = await registry((request, response) => {
        if (request.headers.authorization === undefined) {
          response.setHeader('www-authenticate', 'Basic realm="x"');
          return end(response, 401, '{}');
        }
        if (!isProgram(request)) return false;
        // Another port is another origin.
        response.setHeader('location', `http://${hostOf(elsewhere)}/program`);
        return end(response, 307, '');
      });
      const { code } = await bee(['pull', `${host}/a/b:v1`, '-u', 'ada', '-p', 'secret'], { env: env() });
      expect(code).toBe(0);
      expect(seen).toEqual([undefined]);
    } finally {
      await closing(elsewhere);
    }
  });

  it.each([
    ['file:///etc/passwd', /neither HTTP nor HTTPS/],
    ['http://user:pass@127.0.0.1/x', /has credentials in it/],
    ['http://[bad', /is not a URL/],
  ])('by the Location %s', async (location, message) => {
    const host = await registry((request, response) => {
      if (!isProgram(request)) return false;
      response.setHeader('location', location);
      return end(response, 302, '');
    });
    const { code, stderr } = await pull(host);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it('by an upload that leads to another host, which gets the bytes but no credentials', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = await serve(async (request, response) => {
      seen.push(request.headers.authorization);
      await bodyOf(request);
      end(response, 201, '');
    });
    try {
      const host = await registry(async (request, response) => {
        if (request.headers.authorization === undefined) {
          response.setHeader('www-authenticate', 'Basic realm="x"');
          return end(response, 401, '{}');
        }
        if (request.method === 'HEAD') return end(response, 404, '');
        if (request.method === 'POST') {
          response.setHeader('location', `http://${hostOf(elsewhere)}/upload?state=1`);
          return end(response, 202, '');
        }
        if (request.method === 'PUT') {
          await bodyOf(request);
          return end(response, 201, '');
        }
        return false;
      });
      const name = `${host}/a/b:v1`;
      await beeOk(['tag', EXECS, name], { env: env() });
      await beeOk(['push', name, '-u', 'ada', '-p', 'secret'], { env: env() });
      expect(seen.length).toBeGreaterThan(0);
      expect(new Set(seen)).toEqual(new Set([undefined]));
    } finally {
      await closing(elsewhere);
    }
  });
});

async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<Server> {
  const server = createHttpServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function closing(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

function hostOf(server: Server): string {
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

function end(response: ServerResponse, status: number, body: string | Uint8Array): true {
  response.writeHead(status);
  response.end(body);
  return true;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
