import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  OciError,
  parseReference,
  pullImage,
  Registries,
  type RegistryOptions,
} from '../../../core/oci/index.js';
import { scratchOci } from '../../support/scratch-oci.js';
import { answer, WebServer } from '../../support/web-server.js';
import {
  isManifest,
  isProgram,
  MANIFEST,
  manifestOf,
  PROGRAM,
  probeRegistry,
  sha,
} from './probe-registry.js';

const scratch = scratchOci('bee-hostile-');

type Twist = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** Pull from a registry with a twist; the error, or undefined where it went well. */
async function pullFrom(
  twist: Twist,
  options: RegistryOptions = {},
  manifest?: Buffer,
): Promise<OciError | undefined> {
  scratch.server = await probeRegistry(twist, manifest);
  scratch.registries = new Registries({ attempts: 3, backoff: 1, env: {}, ...options });
  const name = `${scratch.server.host}/a/b:v1`;
  try {
    await pullImage(scratch.registries, scratch.store, parseReference(name));
  } catch (error) {
    expect(error).toBeInstanceOf(OciError);
    // Whatever it was: no image of that name came of it.
    expect(await scratch.store.entries()).toEqual([]);
    return error as OciError;
  }
  expect(Buffer.compare((await scratch.store.readProbe(name))!.program, PROGRAM)).toBe(0);
  return undefined;
}

describe('a registry that is overloaded', () => {
  it.each([500, 502, 503, 504, 408, 429])('is asked again after %i', async (status) => {
    let refused = 0;
    expect(await pullFrom((_, response) => refused++ < 2 && answer(response, status))).toBeUndefined();
    expect(refused).toBeGreaterThan(2);
  });

  it('for ever is given up', async () => {
    const error = await pullFrom((_, response) => answer(response, 503, 'busy'));
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/answers 503 \(gave up after 3 attempts\)$/),
    });
    expect(scratch.server?.asked.length).toBe(3);
  });

  it('is left alone for as long as it asks, and not beyond a minute', async () => {
    const waited: number[] = [];
    let last = 0;
    const twist: Twist = (_, response) => {
      if (last > 0) waited.push(Date.now() - last);
      last = Date.now();
      return waited.length === 0 && answer(response, 429, '', { 'retry-after': '1' });
    };
    expect(await pullFrom(twist)).toBeUndefined();
    // Not how long it took, but that it did not come back before.
    expect(waited[0]).toBeGreaterThanOrEqual(990);
  });

  it('is not asked again where the answer is for good', async () => {
    const error = await pullFrom((_, response) =>
      answer(response, 400, '{"errors":[{"code":"UNSUPPORTED"}]}'),
    );
    expect(error).toMatchObject({ code: 'REFUSED', message: expect.stringContaining('400 (UNSUPPORTED)') });
    expect(scratch.server?.asked.length).toBe(1);
  });
});

describe('a registry that stalls', () => {
  it('before it answers', async () => {
    const error = await pullFrom(isProgram, { headerTimeout: 150 });
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/did not answer within 0.15 s \(gave up after 3 attempts\)/),
    });
  });

  it('in the middle of a body', async () => {
    const twist: Twist = (request, response) => {
      if (!isProgram(request)) return false;
      response.writeHead(200, { 'content-length': PROGRAM.length });
      response.write(PROGRAM.subarray(0, 10));
      return true;
    };
    const error = await pullFrom(twist, { idleTimeout: 150 });
    expect(error).toMatchObject({ code: 'UNREACHABLE', message: expect.stringMatching(/gave up after 3/) });
  }, 60_000);

  it('until the caller has enough', async () => {
    scratch.server = await probeRegistry(isProgram);
    scratch.registries = new Registries({ env: {} });
    const signal = AbortSignal.timeout(200);
    await expect(
      pullImage(scratch.registries, scratch.store, parseReference(`${scratch.server.host}/a/b:v1`), {
        signal,
      }),
    ).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringMatching(/in the time allowed/) });
  });
});

describe('a registry that lies', () => {
  it.each([
    ['text/html', /"text\/html" is neither a manifest nor an index/],
    ['', /"" is neither a manifest nor an index/],
    ['application/vnd.oci.image.index.v1+json', /an index with "layers" or "config" could be a manifest/],
    ['application/vnd.docker.distribution.manifest.v2+json', /is neither a manifest nor an index/],
  ])('of the type of a manifest: %j', async (type, message) => {
    const error = await pullFrom(
      (request, response) =>
        isManifest(request) && answer(response, 200, manifestOf(), type ? { 'content-type': type } : {}),
    );
    expect(error?.message).toMatch(message);
  });

  it('of the digest of a manifest', async () => {
    const headers = { 'content-type': MANIFEST, 'docker-content-digest': `sha256:${'0'.repeat(64)}` };
    const error = await pullFrom(
      (request, response) => isManifest(request) && answer(response, 200, manifestOf(), headers),
    );
    expect(error).toMatchObject({ code: 'MISMATCH' });
  });

  it.each([
    ['smaller', { size: 99_999 }, 'MISMATCH', /sends more than the 99999 bytes/],
    ['larger', { size: 100_001 }, 'MISMATCH', /after 100000 of its 100001 bytes \(gave up/],
    ['beyond all bounds', { size: 2 ** 50 }, 'TOO_LARGE', /more than the \d+ (bytes )?allowed/],
    ['negative', { size: -1 }, 'INVALID_MANIFEST', /"-1" is not a number of bytes/],
    ['no number', { size: '100000' }, 'INVALID_MANIFEST', /is not a number of bytes/],
    ['of a digest that climbs', { digest: 'sha256:../../../../etc/passwd' }, 'INVALID_MANIFEST', /digest/],
  ])('of the size of a layer: %s', async (_what, layer, code, message) => {
    const error = await pullFrom(() => false, {}, manifestOf(layer));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    if (code === 'TOO_LARGE')
      expect(scratch.server?.asked.filter((one) => one.includes('/blobs/'))).toEqual([]);
  });

  it('of where a resumed body goes on', async () => {
    const twist: Twist = (request, response) => {
      if (!isProgram(request)) return false;
      const { range } = request.headers;
      if (range) return answer(response, 206, PROGRAM, { 'content-range': 'bytes 0-99999/100000' });
      response.writeHead(200, { 'content-length': PROGRAM.length });
      response.write(PROGRAM.subarray(0, 50_000));
      setTimeout(() => response.destroy(), 50);
      return true;
    };
    expect(await pullFrom(twist)).toMatchObject({
      code: 'INVALID_RESPONSE',
      message: expect.stringMatching(/answers the range "bytes 0-/),
    });
  });
});

it('takes the whole again from a registry that knows no ranges', async () => {
  let cut = 0;
  const twist: Twist = (request, response) => {
    if (!isProgram(request) || cut++ > 1) return false;
    response.writeHead(200, { 'content-length': PROGRAM.length });
    response.write(PROGRAM.subarray(0, 40_000));
    setTimeout(() => response.destroy(), 50);
    return true;
  };
  expect(await pullFrom(twist)).toBeUndefined();
});

it('lets a blob come from another host by a redirect', async () => {
  const seen: IncomingMessage['headers'][] = [];
  const elsewhere = await WebServer.start((request, response) => {
    seen.push(request.headers);
    answer(response, 200, PROGRAM);
  });
  try {
    const location = `http://${elsewhere.host}/signed?key=1`;
    const twist: Twist = (request, response) => isProgram(request) && answer(response, 307, '', { location });
    expect(await pullFrom(twist)).toBeUndefined();
    expect(seen.length).toBe(1);
  } finally {
    await elsewhere.stop();
  }
});

it.each([
  ['password', { username: 'ada', password: 'secret' }],
  ['refresh token', { username: '', password: '', identityToken: 'refresh-me' }],
])(
  'gives the %s of a registry to no host that it redirects to, whatever that one asks',
  async (_what, credential) => {
    const seen: string[] = [];
    const elsewhere = await WebServer.start(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${Buffer.concat(chunks)}`);
      answer(response, 401, '{}', { 'www-authenticate': `Bearer realm="http://${request.headers.host}/t"` });
    });
    try {
      const location = `http://${elsewhere.host}/x`;
      const twist: Twist = (request, response) =>
        isProgram(request) && answer(response, 307, '', { location });
      const error = await pullFrom(twist, { credential: () => Promise.resolve(credential) });
      expect(error).toBeInstanceOf(OciError);
      const { host } = scratch.server!;
      expect(error).toMatchObject({
        message: expect.stringContaining(`${elsewhere.host}, to which ${host} redirected, answers 401`),
      });
      expect(new Set(seen)).toEqual(new Set(['GET /x undefined ']));
    } finally {
      await elsewhere.stop();
    }
  },
);

it('follows no redirects without end', async () => {
  const twist: Twist = (request, response) =>
    isProgram(request) && answer(response, 302, '', { location: request.url! });
  expect(await pullFrom(twist)).toMatchObject({ message: expect.stringMatching(/more than 5 redirects/) });
});

describe('a list of tags', () => {
  const tags = async (twist: Twist): Promise<string[]> => {
    scratch.server = await probeRegistry(twist);
    scratch.registries = new Registries({ attempts: 3, backoff: 1, env: {} });
    return scratch.registries.tags(parseReference(`${scratch.server.host}/a/b`));
  };

  it('is read page by page, from relative and absolute links', async () => {
    const links = [
      '</v2/a/b/tags/list?n=2&last=two>; rel="next"',
      `<http://HOST/v2/a/b/tags/list?n=2&last=four>; rel=next`,
    ];
    let page = 0;
    const found = await tags((request, response) => {
      const link = links[page++]?.replace('HOST', request.headers.host!);
      const names = [`t${page}a`, `t${page}b`];
      return answer(response, 200, JSON.stringify({ name: 'a/b', tags: names }), link ? { link } : {});
    });
    expect(found).toEqual(['t1a', 't1b', 't2a', 't2b', 't3a', 't3b']);
  });

  it('without an end is given up', async () => {
    let page = 0;
    const endless = tags((_, response) =>
      answer(response, 200, '{"tags":["x"]}', { link: `</v2/a/b/tags/list?page=${++page}>; rel="next"` }),
    );
    await expect(endless).rejects.toMatchObject({ code: 'TOO_LARGE' });
  }, 60_000);

  it('that names a page again is given up at once', async () => {
    const circle = tags((request, response) =>
      answer(response, 200, '{"tags":["x"]}', { link: `<${request.url}>; rel="next"` }),
    );
    await expect(circle).rejects.toMatchObject({ code: 'INVALID_RESPONSE' });
    expect(scratch.server?.asked.length).toBe(1);
  });

  it.each([
    ['that is too large', `{"tags":["${'x'.repeat(5 << 20)}"]}`, {}, 'TOO_LARGE'],
    ['of too many', JSON.stringify({ tags: Array(200_001).fill('x') }), {}, 'TOO_LARGE'],
    [
      'that goes on at another host',
      '{"tags":[]}',
      { link: '<http://127.0.0.2/x>; rel="next"' },
      'INVALID_RESPONSE',
    ],
    ['that is no JSON', '<html>', {}, 'INVALID_RESPONSE'],
  ])('%s is refused', async (_what, body, headers, code) => {
    await expect(
      tags((_request, response) => answer(response, 200, body, headers as Record<string, string>)),
    ).rejects.toMatchObject({ code });
  });
});

describe('what refers to an image', () => {
  const subject = sha(manifestOf());
  const referrers = async (twist: Twist) => {
    scratch.server = await probeRegistry(twist);
    scratch.registries = new Registries({ attempts: 3, backoff: 1, env: {} });
    return scratch.registries.referrers(parseReference(`${scratch.server.host}/a/b`), subject as never);
  };
  const index = (...names: string[]) =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: names.map((name) => ({ mediaType: MANIFEST, digest: sha(Buffer.from(name)), size: 1 })),
    });
  const digests = (...names: string[]) =>
    names.map((name) => expect.objectContaining({ digest: sha(Buffer.from(name)) }));

  it('is asked of the referrers API, page by page', async () => {
    let page = 0;
    const found = await referrers((request, response) => {
      expect(request.url).toContain(`/v2/a/b/referrers/${subject}`);
      const link = page++ === 0 ? { link: `<${request.url}?n=2>; rel="next"` } : {};
      return answer(response, 200, index(page === 1 ? 'one' : 'two'), link as Record<string, string>);
    });
    expect(found).toEqual(digests('one', 'two'));
  });

  it('is read from the tag that stands in where a registry has no such API', async () => {
    const found = await referrers((request, response) => {
      if (request.url!.includes('/referrers/')) return answer(response, 404, '{}');
      expect(request.url).toBe(`/v2/a/b/manifests/${subject.replace(':', '-')}`);
      return answer(response, 200, index('three'), {
        'content-type': 'application/vnd.oci.image.index.v1+json',
      });
    });
    expect(found).toEqual(digests('three'));
  });

  it('is nothing where there is neither', async () => {
    expect(await referrers((_, response) => answer(response, 404, '{}'))).toEqual([]);
  });
});
