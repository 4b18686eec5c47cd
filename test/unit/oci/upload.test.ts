import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Digest,
  digestOf,
  parseReference,
  Registries,
  type RegistryOptions,
} from '../../../core/oci/index.js';
import { isInstalled } from '../../support/bee.js';
import { DockerRegistry } from '../../support/registry.js';
import { answer, bodyOf, WebServer } from '../../support/web-server.js';

const BYTES = randomBytes(50_000);
const DIGEST = digestOf(BYTES);
/** Read in odd parts, as a stream comes. */
const content = (bytes: Uint8Array = BYTES) => ({
  digest: digestOf(bytes),
  size: bytes.length,
  async *read() {
    for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
  },
});

let server: WebServer | undefined;
let registries: Registries | undefined;
afterEach(async () => {
  await registries?.close();
  await server?.stop();
  registries = server = undefined;
});

interface Behaviour {
  readonly location?: (path: string, host: string) => string;
  readonly least?: number;
  /** True: it has answered, or cut the connection. `have`: what it has of the upload. */
  readonly onPatch?: (
    n: number,
    request: IncomingMessage,
    response: ServerResponse,
  ) => boolean | Promise<boolean>;
  readonly tellsPosition?: boolean;
  readonly mount?: number;
  /** The request of an upload, its PUT among them, before which it is forgotten: once. */
  readonly losesAt?: number;
}

const UNKNOWN = JSON.stringify({ errors: [{ code: 'BLOB_UPLOAD_UNKNOWN' }] });

/** Takes one upload by the letter of the distribution spec, piece by piece or at once. */
async function uploadServer(behaviour: Behaviour) {
  const state = { have: Buffer.alloc(0), whole: undefined as Buffer | undefined, begun: 0, patches: 0 };
  const { location = (path) => path } = behaviour;
  let sent = 0;
  server = await WebServer.start(async (request, response) => {
    const url = new URL(request.url!, `http://${request.headers.host}`);
    const here = {
      location: location(`/v2/a/b/blobs/uploads/${state.begun}?at=${state.have.length}`, url.host),
    };
    if (request.method === 'HEAD') return answer(response, state.whole ? 200 : 404);
    if (request.method === 'POST') {
      if (url.searchParams.has('mount') && behaviour.mount)
        return answer(response, behaviour.mount, '', here);
      state.begun++;
      state.have = Buffer.alloc(0);
      const least = behaviour.least ? { 'oci-chunk-min-length': String(behaviour.least) } : {};
      return answer(response, 202, '', {
        location: location(`/v2/a/b/blobs/uploads/${state.begun}?at=0`, url.host),
        ...least,
      });
    }
    const range = { range: `0-${Math.max(0, state.have.length - 1)}` };
    if (request.method === 'GET')
      return behaviour.tellsPosition === false
        ? answer(response, 404, '{}')
        : answer(response, 204, '', { ...here, ...range });
    if (++sent === behaviour.losesAt) return answer(response, 404, UNKNOWN);
    // The state of an upload is in the Location: an old one is not taken.
    if (url.searchParams.get('at') !== String(state.have.length)) return answer(response, 416, '{}');
    if (request.method === 'PATCH') {
      const [from] = request.headers['content-range']!.split('-').map(Number);
      if (from !== state.have.length) return answer(response, 416, '{}');
      state.patches++;
      if (await behaviour.onPatch?.(state.patches, request, response)) return true;
      state.have = Buffer.concat([state.have, await bodyOf(request)]);
      const next = location(`/v2/a/b/blobs/uploads/${state.begun}?at=${state.have.length}`, url.host);
      return answer(response, 202, '', { location: next, range: `0-${state.have.length - 1}` });
    }
    state.have = Buffer.concat([state.have, await bodyOf(request)]);
    if (digestOf(state.have) !== url.searchParams.get('digest')) return answer(response, 400, '{}');
    state.whole = state.have;
    return answer(response, 201);
  });
  return {
    state,
    push: (options: RegistryOptions = {}, from?: string) => {
      registries = new Registries({ attempts: 4, backoff: 1, env: {}, chunk: 16_384, ...options });
      return registries.pushBlob(parseReference(`${server!.host}/a/b:v1`), content(), from ? { from } : {});
    },
  };
}

describe('an upload', () => {
  it.each([
    ['relative', (path: string) => path],
    ['absolute', (path: string, host: string) => `http://${host}${path}`],
  ])('in pieces, by a Location that is %s', async (_what, location) => {
    const { state, push } = await uploadServer({ location });
    expect(await push()).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    expect(state.patches).toBe(4);
  });

  it('in one where it is small', async () => {
    const { state, push } = await uploadServer({});
    expect(await push({ chunk: 1 << 20 })).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    expect(state.patches).toBe(0);
    expect(await push()).toBe('there');
    expect(state.begun).toBe(1);
  });

  it('in pieces no smaller than the registry wants', async () => {
    const { state, push } = await uploadServer({ least: 30_000 });
    await push();
    expect(state.patches).toBe(2);
    await server!.stop();
    const greedy = await uploadServer({ least: 2 ** 40 });
    await expect(greedy.push()).rejects.toMatchObject({ code: 'INVALID_RESPONSE' });
  });

  it('goes on from where the registry says it is, after a connection that broke', async () => {
    const { state, push } = await uploadServer({
      onPatch: async (n, request, response) => {
        if (n !== 2) return false;
        let taken = 0;
        for await (const chunk of request) {
          const part = (chunk as Buffer).subarray(0, 5_000 - taken);
          state.have = Buffer.concat([state.have, part]);
          taken += part.length;
          if (taken === 5_000) break;
        }
        response.destroy();
        return true;
      },
    });
    expect(await push()).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    expect(state.begun).toBe(1);
    expect(state.patches).toBe(5);
  });

  it('is tried again where nothing of a piece arrived', async () => {
    const { state, push } = await uploadServer({
      onPatch: (n, _request, response) => n === 3 && answer(response, 503),
    });
    expect(await push()).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    expect(state.begun).toBe(1);
  });

  it('begins anew where the registry cannot tell', async () => {
    const { state, push } = await uploadServer({
      tellsPosition: false,
      onPatch: (n, _request, response) => n === 3 && answer(response, 500),
    });
    expect(await push()).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    expect(state.begun).toBe(2);
  });

  it.each([
    ['a piece', 16_384],
    ['the end', 1 << 20],
  ])('begins anew where the registry has lost it by %s', async (_what, chunk) => {
    const { state, push } = await uploadServer({ tellsPosition: false, losesAt: chunk === 16_384 ? 3 : 1 });
    expect(await push({ chunk })).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    expect(state.begun).toBe(2);
  });

  it('begins anew where the registry refuses the piece that it asks for', async () => {
    const { state, push } = await uploadServer({
      onPatch: (n, request, response) =>
        n >= 3 && /\/uploads\/1\?/.test(request.url ?? '') && answer(response, 416, '{}'),
    });
    expect(await push()).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    expect(state.begun).toBe(2);
  });

  it('is given up where the registry loses it each time', async () => {
    const { push } = await uploadServer({
      tellsPosition: false,
      onPatch: (_n, _request, response) => answer(response, 404, UNKNOWN),
    });
    await expect(push()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(/answers 404 \(BLOB_UPLOAD_UNKNOWN\) \(gave up after 4 attempts\)$/),
    });
  });

  it('is given up where it gets nowhere', async () => {
    const { push } = await uploadServer({ onPatch: (_n, _request, response) => answer(response, 503) });
    await expect(push()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/answers 503 \(gave up after 4 attempts\)/),
    });
    expect(server!.asked.filter((one) => one.startsWith('PATCH')).length).toBe(4);
  });

  it('waits for as long as the registry asks, though it takes a little each time', async () => {
    const { state, push } = await uploadServer({
      onPatch: async (_n, request, response) => {
        for await (const chunk of request) {
          state.have = Buffer.concat([state.have, (chunk as Buffer).subarray(0, 2)]);
          break;
        }
        return answer(response, 503, '', { 'retry-after': '3600' });
      },
    });
    await expect(push()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/it asks to come back in 3600 s$/),
    });
    expect(state.patches).toBe(1);
  });

  it('is none where the registry has the blob in another repository', async () => {
    const { state, push } = await uploadServer({ mount: 201 });
    expect(await push({}, 'other/repo')).toBe('mounted');
    expect(state.begun).toBe(0);
    expect(server!.asked).toContain(`POST /v2/a/b/blobs/uploads/?mount=${DIGEST}&from=other%2Frepo`);
  });

  it.each([0, 202, 403, 404, 500])('where a mount is answered with %i', async (mount) => {
    const { state, push } = await uploadServer({ mount });
    expect(await push({}, 'other/repo')).toBe('pushed');
    expect(state.whole?.equals(BYTES)).toBe(true);
    // One that opened an upload instead is not asked for another.
    expect(server!.asked.filter((one) => one.startsWith('POST')).length).toBe(
      mount === 0 || mount === 202 ? 1 : 2,
    );
  });

  it('that leads to a link-local address is refused', async () => {
    const { push } = await uploadServer({ location: (path) => `http://169.254.169.254${path}` });
    await expect(push()).rejects.toMatchObject({ code: 'INVALID_RESPONSE' });
  });
});

describe.skipIf(!isInstalled('docker-registry'))('docker-registry (not installed: skipped)', () => {
  let docker: DockerRegistry;
  beforeAll(async () => {
    docker = await DockerRegistry.start();
  });
  afterAll(() => docker.stop());

  const named = (repository: string) => parseReference(`${docker.host}/${repository}:v1`);
  const read = (repository: string, digest: Digest) =>
    registries!.fetch(
      { mediaType: 'application/octet-stream', digest, size: BYTES.length },
      { reference: named(repository), limit: BYTES.length },
    );

  it('takes pieces, and mounts from another repository', async () => {
    registries = new Registries({ env: {}, chunk: 16_384 });
    expect(await registries.pushBlob(named('one/blob'), content())).toBe('pushed');
    expect(Buffer.compare(await read('one/blob', DIGEST), BYTES)).toBe(0);
    expect(await registries.pushBlob(named('two/blob'), content(), { from: 'one/blob' })).toBe('mounted');
    expect(Buffer.compare(await read('two/blob', DIGEST), BYTES)).toBe(0);
    // Of a repository that has it not, the registry asks for an upload.
    const other = content(randomBytes(40_000));
    expect(await registries.pushBlob(named('two/blob'), other, { from: 'one/blob' })).toBe('pushed');
    expect(await registries.pushBlob(named('two/blob'), other)).toBe('there');
  });

  it('tells its tags page by page', async () => {
    registries = new Registries({ env: {} });
    const config = content(Buffer.from('{}'));
    await registries.pushBlob(named('many/tags'), config);
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: { mediaType: 'application/x', digest: config.digest, size: config.size },
        layers: [],
      }),
    );
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
    const tags = Array.from({ length: 7 }, (_, n) => `v${n}`);
    for (const tag of tags)
      await registries.pushManifest(parseReference(`${docker.host}/many/tags:${tag}`), manifest);
    expect((await registries.tags(named('many/tags'))).sort()).toEqual(tags);
    await expect(registries.tags(named('no/such'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
