import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import prometheus from '../../../plugins/prometheus/index.js';
import type { Sink, SinkContext } from '../../../plugins/sdk/index.js';
import { makeCa, makeCertificate } from '../../support/certificates.js';

let folder: string;
let sink: Sink | undefined;
let said: string[];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-web-'));
  for (const ca of ['ca', 'stranger']) makeCa(folder, ca);
  for (const name of ['server', 'renewed', 'client']) makeCertificate(folder, name, 'ca');
  makeCertificate(folder, 'intruder', 'stranger');
});
afterEach(async () => {
  await sink?.close();
  sink = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => join(folder, name);
/** As an administrator makes it: htpasswd of Apache, `$2y$`. */
const htpasswd = (user: string, password: string): string =>
  execFileSync('htpasswd', ['-nbBC', '5', user, password], { encoding: 'utf8' }).trim().split(':')[1]!;

const context = (): SinkContext => {
  const say = (text: string): void => void said.push(text);
  return {
    name: 'prom',
    directory: folder,
    labels: {},
    signal: new AbortController().signal,
    log: { debug: say, info: say, warn: say, error: say },
    telemetry: { counter: () => ({ add() {} }), gauge: () => ({ set() {} }) },
    collect: async () => ({ kind: 'metrics', time: 0n, families: [] }),
  };
};

/** The sink with this web config; resolves to its URL. */
async function open(webConfig: string): Promise<string> {
  said = [];
  writeFileSync(file('web.yml'), webConfig);
  const result = await prometheus.options['~standard'].validate({
    listen: '127.0.0.1:0',
    web_config: 'web.yml',
  });
  if (result.issues) throw new Error(JSON.stringify(result.issues));
  sink = await prometheus.open(result.value, context());
  return /https?:\S+/.exec(said.join('\n'))![0];
}

async function status(url: string, options: RequestOptions = {}): Promise<number> {
  const ask = get(url, { ca: readFileSync(file('ca.pem')), agent: false, ...options });
  const [response] = (await once(ask, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode!;
}

const identity = (name: string): RequestOptions => ({
  cert: readFileSync(file(`${name}.pem`)),
  key: readFileSync(file(`${name}.key`)),
});
const basic = (user: string, password: string): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

const TLS = 'cert_file: server.pem\n  key_file: server.key';
const secure = (more = ''): string => `tls_server_config:\n  ${TLS}\n${more}`;

describe('basic auth', () => {
  it('admits who has the password of a bcrypt hash that htpasswd made, and nobody else', async () => {
    const url = await open(`basic_auth_users:
  ada: ${htpasswd('ada', 'correct horse')}
  bob: ${htpasswd('bob', 'pä:ss')}
`);
    const answer = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(url, { headers })).status;
    // Twice: from bcrypt, and from what is remembered.
    for (let i = 0; i < 2; i++) {
      expect(await answer(basic('ada', 'correct horse'))).toBe(200);
      expect(await answer(basic('bob', 'pä:ss'))).toBe(200);
      expect(await answer(basic('ada', 'pä:ss'))).toBe(401);
      expect(await answer(basic('ada', ''))).toBe(401);
      expect(await answer(basic('eve', 'correct horse'))).toBe(401);
      // The password of the hash that stands for nobody.
      expect(await answer(basic('eve', 'fakepassword'))).toBe(401);
    }
    for (const header of [
      'Basic',
      'Basic ????',
      'Basic YWRh',
      `Bearer ${htpasswd('ada', 'x')}`,
      `Basic ${'A'.repeat(5000)}`,
    ])
      expect(await answer({ authorization: header }), header.slice(0, 40)).toBe(401);
    const bare = await fetch(url);
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Basic']);
    // Whoever is not let in learns nothing of what there is.
    expect((await fetch(new URL('/events', url))).status).toBe(401);
    expect(await answer(basic('toString', 'x'))).toBe(401);
  });

  it('turns guesses away that would have to wait too long, and still admits whom it knows', async () => {
    const url = await open(`basic_auth_users: { ada: ${htpasswd('ada', 'right')} }\n`);
    expect((await fetch(url, { headers: basic('ada', 'right') })).status).toBe(200);
    const guesses = Array.from({ length: 100 }, (_, i) =>
      fetch(url, { headers: basic('ada', `guess ${i}`) }),
    );
    const known = await fetch(url, { headers: basic('ada', 'right') });
    expect(known.status).toBe(200);
    const answers = (await Promise.all(guesses)).map((one) => one.status);
    expect(new Set(answers)).toEqual(new Set([401, 503]));
    expect(answers.filter((one) => one === 401).length).toBeGreaterThanOrEqual(32);
  });

  it('takes a changed password without a restart, and keeps the old one while the file is broken', async () => {
    const url = await open(`basic_auth_users: { ada: ${htpasswd('ada', 'old')} }\n`);
    const admitted = async (password: string): Promise<boolean> =>
      (await fetch(url, { headers: basic('ada', password) })).ok;
    expect(await admitted('old')).toBe(true);
    writeFileSync(file('web.yml'), 'basic_auth_users: { ada: plain }\n');
    await expect
      .poll(async () => [await admitted('old'), said.join('\n')], { timeout: 5000 })
      .toEqual([
        true,
        expect.stringMatching(
          /web\.yml: basic_auth_users: ada: expected a bcrypt hash.*the last good web config stays/,
        ),
      ]);
    writeFileSync(file('web.yml'), `basic_auth_users: { ada: ${htpasswd('ada', 'new')} }\n`);
    await expect.poll(() => admitted('new'), { timeout: 5000 }).toBe(true);
    expect(await admitted('old')).toBe(false);
  });
});

describe('tls', () => {
  it('serves over TLS only, from 1.2 on, with the headers that were asked for', async () => {
    const url = await open(
      secure('http_server_config: { headers: { Strict-Transport-Security: max-age=60 } }\n'),
    );
    expect(url).toMatch(/^https:/);
    expect(await status(url)).toBe(200);
    await expect(status(url, { ca: readFileSync(file('stranger.pem')) })).rejects.toThrow(/certificate/);
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(status(url, old)).rejects.toThrow();
    await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
    const ask = get(url, { ca: readFileSync(file('ca.pem')), agent: false });
    const [response] = (await once(ask, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.headers['strict-transport-security']).toBe('max-age=60');
  });

  it('keeps min_version', async () => {
    const url = await open(secure('  min_version: TLS13\n'));
    expect(await status(url)).toBe(200);
    await expect(status(url, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });

  it.each([
    ['NoClientCert', '', [200, 200, 200]],
    ['RequestClientCert', '', [200, 200, 200]],
    ['RequireAnyClientCert', '', [0, 200, 200]],
    ['VerifyClientCertIfGiven', '  client_ca_file: ca.pem\n', [200, 200, 0]],
    ['RequireAndVerifyClientCert', '  client_ca_file: ca.pem\n', [0, 200, 0]],
  ])('%s: nobody, a client of the CA, a client of another', async (type, ca, wanted) => {
    const url = await open(secure(`  client_auth_type: ${type}\n${ca}`));
    const answers: number[] = [];
    for (const client of [{}, identity('client'), identity('intruder')])
      answers.push(await status(url, client).catch(() => 0));
    expect(answers).toEqual(wanted);
  });

  it('takes a renewed certificate without a restart', async () => {
    for (const part of ['pem', 'key']) copyFileSync(file(`server.${part}`), file(`live.${part}`));
    const url = await open('tls_server_config: { cert_file: live.pem, key_file: live.key }\n');
    const shown = async (): Promise<string> => {
      const { port } = new URL(url);
      const socket = connectTls({ port: Number(port), host: '127.0.0.1', ca: readFileSync(file('ca.pem')) });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return String(CN);
    };
    expect(await shown()).toBe('server');
    for (const part of ['pem', 'key']) copyFileSync(file(`renewed.${part}`), file(`live.${part}`));
    await expect.poll(shown, { timeout: 5000 }).toBe('renewed');
    rmSync(file('live.pem'));
    await expect
      .poll(async () => [await shown(), said.at(-1)], { timeout: 5000 })
      .toEqual(['renewed', expect.stringMatching(/live\.pem: no such file; the last good web config stays/)]);
  });

  it('closes in the face of a client that never shakes hands', async () => {
    const url = new URL(await open(secure()));
    const silent = connect(Number(url.port), '127.0.0.1');
    silent.on('error', () => {});
    await once(silent, 'connect');
    await status(url.href);
    await sink!.close();
    await once(silent, 'close');
  });
});

describe('a web config that cannot be used', () => {
  it.each([
    ['tls_server_config: { cert_file: no.pem, key_file: server.key }', /cert_file: .*no\.pem: no such file/],
    ['tls_server_config: { cert_file: server.pem }', /key_file: is missing: a certificate and its key/],
    [
      'tls_server_config: { cert_file: server.pem, key_file: client.key }',
      /cannot be used .*key values mismatch/,
    ],
    ['tls_server_config: { cert_file: web.yml, key_file: server.key }', /cannot be used/],
    [secure('  min_version: TLS9\n'), /min_version: expected TLS10, TLS11, TLS12, TLS13/],
    [secure('  min_version: TLS13\n  max_version: TLS12\n'), /TLS13 is newer than max_version/],
    [secure('  client_auth_type: RequireAndVerifyClientCert\n'), /client_ca_file: is missing/],
    [secure('  client_ca_file: ca.pem\n'), /NoClientCert verifies nothing, and client_ca_file is given/],
    [secure('  cipher_suites: [x]\n'), /"cipher_suites" of exporter-toolkit is not supported: min_version/],
    [secure('  verify: true\n'), /tls_server_config: unknown key "verify"/],
    ['basic_auth: { a: b }', /unknown key "basic_auth"\. There is: tls_server_config, http_server_config/],
    ['basic_auth_users: { ada: secret }', /basic_auth_users: ada: expected a bcrypt hash, as `htpasswd/],
    ['basic_auth_users: [ada]', /basic_auth_users: expected a mapping/],
    ['http_server_config: { http2: true }', /http2: this server speaks HTTP\/1\.1/],
    ['http_server_config: { headers: { X-Mine: 1 } }', /X-Mine: no header that can be set here/],
    ['a: [', /web\.yml: .*line 1/],
    ['a: &a [*b]', /web\.yml: .*b/],
  ])('%s', async (text, message) => {
    const error = await open(text).then(
      () => undefined,
      (caught: Error & { fatal?: boolean }) => caught,
    );
    expect(error?.message).toMatch(message);
    expect(error?.message).toContain('web.yml');
    expect(error?.message.split('\n')).toHaveLength(1);
    expect(error?.fatal).toBe(true);
    expect(error?.message).not.toContain('secret');
  });

  it('is refused where there is no address of its own to protect', async () => {
    const result = await prometheus.options['~standard'].validate({ web_config: 'web.yml' });
    expect(result.issues?.map(({ message }) => message)).toEqual([
      expect.stringMatching(/give it one with `listen:`/),
    ]);
  });

  it('that is empty protects nothing, as in exporter-toolkit', async () => {
    expect((await fetch(await open(''))).status).toBe(200);
  });
});
