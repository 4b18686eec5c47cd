import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseReference, Registries } from '../../../core/oci/index.js';
import { answer, WebServer } from '../../support/web-server.js';

let proxy: WebServer;
beforeEach(async () => {
  proxy = await WebServer.start((_request, response) => answer(response, 200, '{"tags":["by-proxy"]}'));
});
afterEach(() => proxy.stop());

/** `registry.invalid` exists nowhere (RFC 6761): only a proxy can answer for it. */
async function tags(env: NodeJS.ProcessEnv, host = 'registry.invalid'): Promise<string[]> {
  const registries = new Registries({ env, plainHttp: true, attempts: 1 });
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
