import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import lokiSink from '../../plugins/loki/index.js';
import type { Sink } from '../../plugins/sdk/index.js';
import { everyKind, linesAt, TIME } from './batches.js';
import { makeCertificates } from './certificates.js';
import { Loki } from './loki.js';
import { Nginx } from './nginx.js';
import { call, opened } from './opened.js';
import { eventually } from './service.js';

const FORMS = ['ndjson', 'rows'] as const;
let number = 0;

describe.skipIf(!Loki.program)('loki at a real Loki (build-loki.sh left none: skipped)', () => {
  let loki: Loki;
  let nginx: Nginx | undefined;
  let sink: Sink | undefined;
  beforeAll(async () => {
    loki = await Loki.start({ tenants: true });
  });
  afterEach(async () => {
    await sink?.close();
    await nginx?.stop();
    sink = nginx = undefined;
  });
  afterAll(() => loki?.service.stop());

  async function open(options: object = {}, directory?: string): Promise<void> {
    ({ sink } = await opened(lokiSink, { url: loki.url, tenant: 'a', ...options }, directory));
  }
  const write = (batch: number) => sink!.write!(everyKind(batch, FORMS), call());
  const stored = (selector: string, count: number, tenant = 'a') =>
    eventually(async () => {
      const entries = await loki.query(selector, tenant);
      return entries.length >= count ? entries : undefined;
    });

  it.each(['protobuf', 'json'])(
    '%s: lines, times, labels and structured metadata come back',
    async (format) => {
      await open({
        format,
        extra_labels: { run: format },
        labels: ['probe', 'map', 'labels', 'data.mode'],
        metadata: ['data.u64', 'data.comm', 'data.in', 'data.list', 'data.ok', 'data.ratio'],
      });
      const batch = ++number;
      expect(await write(batch)).toEqual({ status: 'ok' });
      const entries = await stored(`{run="${format}"}`, 2);
      const common = { run: format, probe: 'p', map: 'print_x', node: 'n1' };
      const lines = Buffer.from(everyKind(batch, FORMS).ndjson).toString().split('\n');
      expect(entries.sort((a, b) => (a.time < b.time ? -1 : 1))).toEqual([
        {
          time: TIME,
          line: lines[0],
          labels: {
            ...common,
            mode: 'ON',
            u64: '9223372036854775807',
            comm: 'aé',
            in_port: '443',
            list: '[1,2]',
            ok: 'true',
            ratio: '2',
          },
        },
        {
          time: TIME + 1n,
          line: lines[1],
          labels: {
            ...common,
            mode: '-9',
            u64: '18446744073709551615',
            comm: 'b"c\\d',
            in_port: '80',
            list: '[3,4]',
            ok: 'false',
            ratio: '0.1',
          },
        },
      ]);
      // What is metadata is no label: streams are few.
      const series = new URL(`${loki.url}/loki/api/v1/series`);
      series.searchParams.set('match[]', `{run="${format}"}`);
      const answer = await fetch(series, { headers: { 'x-scope-orgid': 'a' } });
      const { data } = (await answer.json()) as { data: object[] };
      expect(data.map((labels) => Object.keys(labels).sort())).toEqual(
        [0, 1].map(() => ['map', 'mode', 'node', 'probe', 'run']),
      );
    },
  );

  it('keeps tenants apart, and a push without one is refused for good', async () => {
    await open({ tenant: 'b', extra_labels: { run: 'tenant' } });
    expect(await write(++number)).toEqual({ status: 'ok' });
    await stored('{run="tenant"}', 2, 'b');
    expect(await loki.query('{run="tenant"}', 'a')).toEqual([]);
    await sink!.close();
    await open({ tenant: undefined });
    expect(await write(number)).toMatchObject({ status: 'drop', error: expect.stringContaining('401') });
  });

  // That a push is in order within each stream is seen on the wire, in test/unit: this Loki would sort by itself.
  it('takes events that come backwards in time, each at its own', async () => {
    await open({ extra_labels: { run: 'order' } });
    const backwards = everyKind(++number, FORMS, [TIME + 9n, TIME]);
    expect(await sink!.write!(backwards, call())).toEqual({ status: 'ok' });
    const entries = await stored('{run="order"}', 2);
    const rows = entries.sort((a, b) => (a.time < b.time ? -1 : 1)).map(({ time, line }) => [time, line]);
    const [first, second] = Buffer.from(backwards.ndjson).toString().split('\n');
    expect(rows).toEqual([
      [TIME, second],
      [TIME + 9n, first],
    ]);
  });

  it('a batch that is pushed again adds nothing, and labels that are too long are refused for good', async () => {
    await open({ extra_labels: { run: 'again' } });
    const batch = everyKind(++number, FORMS);
    for (let i = 0; i < 2; i++) expect(await sink!.write!(batch, call())).toEqual({ status: 'ok' });
    expect((await stored('{run="again"}', 2)).length).toBe(2);
    await sink!.close();
    await open({ extra_labels: { run: 'x'.repeat(5000) } });
    expect(await write(++number)).toMatchObject({ status: 'drop', error: expect.stringContaining('400') });
  });

  it.each(['protobuf', 'json'])(
    '%s: loses of a hundred events the one that is too old, and says so',
    async (format) => {
      await open({ format, extra_labels: { run: `old-${format}` } });
      const old = 37;
      const times = Array.from({ length: 100 }, (_, i) => TIME + BigInt(i));
      times[old] = TIME - 400n * 86_400_000_000_000n;
      expect(await sink!.write!(linesAt(times), call())).toEqual({
        status: 'ok',
        rejected: 1,
        error: expect.stringMatching(/^Loki answered 400: .*too old/),
      });
      const entries = await stored(`{run="old-${format}"}`, 99);
      expect(
        entries
          .map(({ line }) => (JSON.parse(line) as { data: { number: number } }).data.number)
          .sort((a, b) => a - b),
      ).toEqual([...times.keys()].filter((number) => number !== old));
    },
  );

  it('a Loki that is down is tried again', async () => {
    await open({ extra_labels: { run: 'down' } });
    await loki.service.kill();
    expect(await write(++number)).toMatchObject({ status: 'retry' });
    await loki.service.start();
    await eventually(async () => ((await write(number)).status === 'ok' ? true : undefined));
    await stored('{run="down"}', 2);
  });

  describe.skipIf(!Nginx.program)('behind nginx (not installed: skipped)', () => {
    it('with TLS, a client certificate, basic and bearer authentication', async () => {
      const { ca, server, client } = makeCertificates();
      const folder = dirname(ca);
      execFileSync('htpasswd', ['-bc', join(folder, 'users'), 'bee', 'p:ss wörd'], { stdio: 'pipe' });
      writeFileSync(join(folder, 'password'), 'p:ss wörd\n');
      writeFileSync(join(folder, 'token'), 'secret.token\n');
      const tls = `
        ssl_certificate ${server.cert};
        ssl_certificate_key ${server.key};
        ssl_client_certificate ${ca};
        ssl_verify_client on;`;
      nginx = await Nginx.start(
        `${tls} location / { auth_basic x; auth_basic_user_file ${join(folder, 'users')}; proxy_pass ${loki.url}; }`,
        true,
      );
      const secure = { url: nginx.url, tls: { ca, ...client }, extra_labels: { run: 'nginx' } };
      await open({ ...secure, username: 'bee', password_file: 'password' }, folder);
      expect(await write(++number)).toEqual({ status: 'ok' });
      await sink!.close();
      await open({ ...secure, username: 'bee', password: 'wrong' });
      expect(await write(number)).toMatchObject({ status: 'drop', error: expect.stringContaining('401') });
      await sink!.close();
      await open({ ...secure, tls: { ca }, username: 'bee', password_file: 'password' }, folder);
      expect(await write(number)).toMatchObject({ status: 'drop', error: expect.stringContaining('400') });
      await sink!.close();
      await nginx.become(
        `${tls} if ($http_authorization != "Bearer secret.token") { return 401; }
         location / { proxy_pass ${loki.url}; }`,
      );
      await open({ ...secure, format: 'json', token_file: 'token', extra_labels: { run: 'bearer' } }, folder);
      expect(await write(++number)).toEqual({ status: 'ok' });
      await sink!.close();
      await open({ ...secure, token: 'other' });
      expect(await write(number)).toMatchObject({ status: 'drop', error: expect.stringContaining('401') });
      await stored('{run="nginx"}', 2);
      await stored('{run="bearer"}', 2);
    });

    it.each([
      ['return 503;', { status: 'retry', error: expect.stringContaining('503') }],
      ['return 500;', { status: 'retry', error: expect.stringContaining('500') }],
      ['add_header Retry-After 7 always; return 429;', { status: 'retry', after: 7000 }],
      [
        'location / { proxy_pass http://127.0.0.1:1; }',
        { status: 'retry', error: expect.stringContaining('502') },
      ],
      ['return 400;', { status: 'drop', error: expect.stringContaining('400') }],
      ['return 260;', { status: 'drop', error: expect.stringContaining('260') }],
      ['return 307 http://127.0.0.1:1/;', { status: 'drop', error: expect.stringContaining('307') }],
    ])('%s', async (server, expected) => {
      nginx = await Nginx.start(server);
      await open({ url: nginx.url });
      expect(await write(++number)).toMatchObject(expected);
    });
  });
});
