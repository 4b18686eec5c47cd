import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseReference, Registries } from '../../../core/oci/index.js';
import { NoProxy } from '../../../core/oci/registry/no-proxy.js';
import { isInstalled } from '../../support/bee.js';
import { makeCa, makeCertificate } from '../../support/certificates.js';
import { answer, WebServer } from '../../support/web-server.js';

let proxy: WebServer;
beforeEach(async () => {
  proxy = await WebServer.start((_request, response) => answer(response, 200, '{"tags":["by-proxy"]}'));
});
afterEach(() => proxy.stop());

/** `registry.invalid` exists nowhere (RFC 6761): only a proxy can answer for it. */
async function tags(env: NodeJS.ProcessEnv, host = 'registry.invalid'): Promise<string[]> {
  const registries = new Registries({ env, plainHttp: true, attempts: 1, connectTimeout: 500 });
  try {
    return await registries.tags(parseReference(`${host}/a/b`));
  } finally {
    await registries.close();
  }
}

describe('a proxy', () => {
  it.each(['HTTP_PROXY', 'http_proxy'])('is used where %s names one', async (name) => {
    expect(await tags({ [name]: `http://${proxy.host}` })).toEqual(['by-proxy']);
    expect(proxy.asked).toEqual(['GET http://registry.invalid/v2/a/b/tags/list?n=1000']);
  });

  it.each(['registry.invalid', '.invalid', 'other.example, registry.invalid', '*'])(
    'is not used for what NO_PROXY=%s names',
    async (none) => {
      const env = { HTTP_PROXY: `http://${proxy.host}`, NO_PROXY: none };
      await expect(tags(env)).rejects.toMatchObject({ code: 'UNREACHABLE' });
      expect(proxy.asked).toEqual([]);
    },
  );

  // 192.0.2.0/24 is nobody's (RFC 5737): who asks there himself gets no answer.
  it.each(['192.0.2.0/24', '10.0.0.0/8 192.0.2.7:5000'])(
    'is not used for the addresses that NO_PROXY=%s names',
    async (none) => {
      const env = { HTTP_PROXY: `http://${proxy.host}`, NO_PROXY: none };
      await expect(tags(env, '192.0.2.7:5000')).rejects.toMatchObject({ code: 'UNREACHABLE' });
      expect(proxy.asked).toEqual([]);
      expect(await tags(env, '198.51.100.7:5000')).toEqual(['by-proxy']);
    },
  );

  it.each(['localhost', '127.0.0.2', '[::1]', '0.0.0.0'])(
    'is never used for this machine as %s',
    async (host) => {
      // Nobody listens there.
      const asked = tags({ HTTP_PROXY: `http://${proxy.host}` }, `${host}:9`);
      await expect(asked).rejects.toMatchObject({ code: 'UNREACHABLE' });
      expect(proxy.asked).toEqual([]);
    },
  );

  it('may be named without a scheme', async () => {
    expect(await tags({ HTTP_PROXY: proxy.host })).toEqual(['by-proxy']);
  });

  it.each(['ftp://ada:secret@proxy.example', 'http://ada:secret@a b'])(
    'that is none is told of by the name of its variable: %s',
    async (text) => {
      const error = await tags({ http_proxy: text }).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: 'INVALID_PROXY' });
      expect((error as Error).message).toMatch(/^the proxy that http_proxy names is no URL/);
      expect((error as Error).message).not.toContain('secret');
    },
  );

  it('for HTTP is not used for HTTPS', async () => {
    const tunnelled: (string | undefined)[] = [];
    const tunnel = createPlainServer()
      .on('connect', ({ url }, socket) => {
        tunnelled.push(url);
        socket.destroy();
      })
      .listen(0, '127.0.0.1');
    await once(tunnel, 'listening');
    const url = `http://127.0.0.1:${(tunnel.address() as AddressInfo).port}`;
    const registries = new Registries({ env: { HTTP_PROXY: url }, attempts: 1, connectTimeout: 500 });
    try {
      const asked = registries.tags(parseReference('registry.invalid/a/b'));
      await expect(asked).rejects.toMatchObject({ code: 'UNREACHABLE' });
      expect(tunnelled).toEqual([]);
    } finally {
      await registries.close();
      tunnel.close();
    }
  });

  it('that is none is in the way of nothing that goes without', async () => {
    const env = { HTTP_PROXY: 'ftp://proxy.example' };
    expect(await tags({ HTTP_PROXY: proxy.host, HTTPS_PROXY: 'ftp://proxy.example' })).toEqual(['by-proxy']);
    expect(await tags(env, proxy.host)).toEqual(['by-proxy']);
    await expect(tags({ ...env, NO_PROXY: '*' })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('is never used for this machine', async () => {
    const registry = await WebServer.start((_request, response) =>
      answer(response, 200, '{"tags":["direct"]}'),
    );
    try {
      expect(await tags({ HTTP_PROXY: `http://${proxy.host}` }, registry.host)).toEqual(['direct']);
      expect(proxy.asked).toEqual([]);
    } finally {
      await registry.stop();
    }
  });
});

describe.skipIf(!isInstalled('openssl'))('a proxy of HTTPS (openssl is not installed: skipped)', () => {
  it('passes on what only the registry can read: its certificate is the one that is looked at', async () => {
    const pki = mkdtempSync(join(tmpdir(), 'bee-proxy-'));
    makeCa(pki, 'ca');
    makeCertificate(pki, 'server', 'ca', 'DNS:registry.invalid');
    const read = (file: string): Buffer => readFileSync(join(pki, file));
    const seen: (string | undefined)[] = [];
    const registry = createServer(
      { key: read('server.key'), cert: read('server.pem') },
      (request, response) => {
        seen.push(request.headers.authorization);
        if (request.headers.authorization !== undefined)
          return answer(response, 200, '{"tags":["tunnelled"]}');
        return answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      },
    ).listen(0, '127.0.0.1');
    await once(registry, 'listening');
    const tunnelled: string[] = [];
    const tunnel = createPlainServer()
      .on('connect', ({ url, headers }, socket) => {
        tunnelled.push(`${url} ${headers['proxy-authorization']} ${headers.authorization}`);
        const on = connect((registry.address() as AddressInfo).port, '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          socket.pipe(on).pipe(socket);
        });
        on.on('error', () => socket.destroy());
        socket.on('error', () => on.destroy());
      })
      .listen(0, '127.0.0.1');
    await once(tunnel, 'listening');
    const env = { HTTPS_PROXY: `http://ada:proxied@127.0.0.1:${(tunnel.address() as AddressInfo).port}` };
    const credential = async () => ({ username: 'bob', password: 'secret' });
    const tags = async (caFile?: string): Promise<string[]> => {
      const registries = new Registries({ env, caFile, attempts: 1, credential });
      try {
        return await registries.tags(parseReference('registry.invalid/a/b'));
      } finally {
        await registries.close();
      }
    };
    try {
      await expect(tags()).rejects.toThrow('its certificate is not trusted');
      expect(seen).toEqual([]);
      tunnelled.length = 0;
      expect(await tags(join(pki, 'ca.pem'))).toEqual(['tunnelled']);
      const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
      expect(seen).toEqual([undefined, basic('bob:secret')]);
      expect(new Set(tunnelled)).toEqual(new Set([`registry.invalid:443 ${basic('ada:proxied')} undefined`]));
    } finally {
      for (const server of [registry, tunnel]) {
        server.closeAllConnections();
        server.close();
      }
      rmSync(pki, { recursive: true, force: true });
    }
  });
});

describe('NO_PROXY', () => {
  const all: [string, string[], string[]][] = [
    [
      '',
      ['http://127.9.9.9', 'https://localhost:5000', 'http://a.localhost'],
      ['http://a.example', 'http://10.0.0.1'],
    ],
    ['*', ['http://a.example', 'http://192.0.2.1', 'http://[2001:db8::1]'], []],
    [
      'Corp.Example',
      ['http://corp.example', 'https://a.b.CORP.example:5000', 'http://corp.example.'],
      ['http://notcorp.example', 'http://corp.example.org'],
    ],
    [
      '.corp.example,*.other.example',
      ['http://a.corp.example', 'http://b.other.example'],
      ['http://a.example'],
    ],
    [
      'corp.example:5000',
      ['http://a.corp.example:5000'],
      ['http://corp.example', 'http://corp.example:5001'],
    ],
    ['corp.example:443', ['https://corp.example'], ['http://corp.example']],
    [
      '10.0.0.0/8',
      ['http://10.255.0.1', 'http://[::ffff:10.1.2.3]:5000'],
      ['http://11.0.0.1', 'http://ten.example'],
    ],
    ['10.1.2.3/31', ['http://10.1.2.2', 'http://10.1.2.3'], ['http://10.1.2.4']],
    ['0.0.0.0/0', ['http://1.2.3.4'], ['http://a.example', 'http://[2001:db8::1]']],
    ['192.0.2.1:5000', ['http://192.0.2.1:5000'], ['http://192.0.2.1', 'http://192.0.2.2:5000']],
    // No suffix of an address is an address.
    ['0.1,2.1', [], ['http://10.0.0.1', 'http://192.0.2.1']],
    [
      'fd00::/8 [2001:db8::1]:5000,2001:db8::2',
      ['http://[fd12::9]', 'http://[2001:db8::1]:5000', 'http://[2001:db8:0::2]:80'],
      ['http://[fe00::1]', 'http://[2001:db8::1]', 'http://10.0.0.1'],
    ],
    // What cannot be read.
    [
      '10.0.0.0/33,a.example/8,/,:,10.0.0.0/,[::1,b.example:123456,[2001:db8::1]:123456,b.example:x',
      [],
      ['http://10.0.0.1', 'http://a.example', 'http://b.example', 'http://[2001:db8::1]'],
    ],
  ];
  it.each(all)('%j covers %j, not %j', (list, covered, others) => {
    const none = new NoProxy(list);
    const urls = [...covered, ...others].map((url) => new URL(url));
    expect(urls.filter((url) => none.covers(url))).toEqual(covered.map((url) => new URL(url)));
  });
});

describe('settings of one registry', () => {
  it('are for it alone, whatever the case of its name', async () => {
    // Nobody listens there: what is spoken to by HTTPS is told apart.
    const env = { HTTP_PROXY: `http://${proxy.host}`, HTTPS_PROXY: 'http://127.0.0.1:9' };
    const registries = new Registries({
      env,
      attempts: 1,
      registries: { 'registry.invalid:5000': { plainHttp: true } },
    });
    try {
      const tags = (repository: string) => registries.tags(parseReference(repository));
      expect(await tags('Registry.Invalid:5000/a/b')).toEqual(['by-proxy']);
      for (const other of [
        'registry.invalid/a/b',
        'registry.invalid:5001/a/b',
        'other.registry.invalid:5000/a',
      ])
        await expect(tags(other)).rejects.toMatchObject({ code: 'UNREACHABLE' });
      expect(proxy.asked).toEqual(['GET http://registry.invalid:5000/v2/a/b/tags/list?n=1000']);
    } finally {
      await registries.close();
    }
  });
});
