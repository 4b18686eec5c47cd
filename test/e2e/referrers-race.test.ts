import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Blob, digestOf, mediaTypes, parseReference, Registries } from '../../core/oci/index.js';
import { isInstalled } from '../support/bee.js';
import { DockerRegistry } from '../support/registry.js';
import { answer, bodyOf, WebServer } from '../support/web-server.js';

// Several who write the index of an image's referrers at the same moment, in a registry without the referrers API.

const blob = (mediaType: string, bytes: Buffer): Blob => ({
  descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
  bytes,
});
const config = blob('application/x', Buffer.from('{}'));
const manifestOf = (fields: object): Blob =>
  blob(
    mediaTypes.MANIFEST,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.MANIFEST,
        config: config.descriptor,
        layers: [],
        ...fields,
      }),
    ),
  );
const subject = manifestOf({});
const referrers = [1, 2, 3].map((n) =>
  manifestOf({ subject: subject.descriptor, annotations: { n: `${n}` } }),
);
const digests = referrers.map(({ descriptor }) => descriptor.digest).sort();

describe.skipIf(!isInstalled('docker-registry'))(
  'referrers that are pushed at once (docker-registry is not installed: skipped)',
  () => {
    let docker: DockerRegistry;
    let proxy: WebServer;
    let clients: Registries[] = [];
    /** PUTs of the index that wait for one another. */
    let together = 1;
    let inTheWay: ((ifMatch: string | undefined) => boolean) | undefined;

    beforeAll(async () => {
      docker = await DockerRegistry.start();
      let waiting: (() => void)[] = [];
      proxy = await WebServer.start(async (request, response) => {
        const body = await bodyOf(request);
        const {
          host: _host,
          connection: _connection,
          'content-length': _length,
          ...headers
        } = request.headers;
        if (request.method === 'PUT' && request.url?.includes('/manifests/sha256-')) {
          if (inTheWay?.(request.headers['if-match'])) return answer(response, 412);
          // All of them have read the index before the first one is written.
          await new Promise<void>((resolve) => {
            waiting.push(resolve);
            if (waiting.length < together) return;
            for (const go of waiting) go();
            waiting = [];
            together = 1;
          });
        }
        const answered = await fetch(`http://${docker.host}${request.url}`, {
          method: request.method ?? 'GET',
          headers: headers as Record<string, string>,
          ...(body.length > 0 ? { body } : {}),
        });
        return answer(
          response,
          answered.status,
          Buffer.from(await answered.arrayBuffer()),
          Object.fromEntries(answered.headers),
        );
      });
    });
    afterAll(() => Promise.all([proxy.stop(), docker.stop()]));
    afterEach(async () => {
      await Promise.all(clients.map((client) => client.close()));
      clients = [];
      inTheWay = undefined;
    });

    const client = (): Registries => {
      const one = new Registries({ env: {}, backoff: 1 });
      clients.push(one);
      return one;
    };
    const pushAll = async (repository: string, by: () => Registries): Promise<string[]> => {
      const name = parseReference(`${proxy.host}/${repository}:v1`);
      const one = client();
      const read = async function* () {
        yield config.bytes;
      };
      await one.pushBlob(name, { ...config.descriptor, read });
      await one.pushManifest(name, subject);
      await Promise.all(referrers.map((manifest) => by().pushManifest(name, manifest, { byDigest: true })));
      const listed = await one.referrers(name, subject.descriptor.digest);
      return (listed as { digest: string }[]).map(({ digest }) => digest).sort();
    };

    it('by several processes are all listed, each once', async () => {
      together = referrers.length;
      expect(await pushAll('race/many', client)).toEqual(digests);
    });

    it('by one process are written in turn', async () => {
      const one = client();
      const before = proxy.asked.length;
      expect(await pushAll('race/one', () => one)).toEqual(digests);
      const puts = proxy.asked.slice(before).filter((line) => /^PUT .*\/sha256-/.test(line));
      expect(puts.length).toBe(referrers.length);
    });

    it('read the index again where the registry says that it has changed', async () => {
      const conditions: (string | undefined)[] = [];
      inTheWay = (ifMatch) => {
        conditions.push(ifMatch);
        return ifMatch !== undefined && conditions.length === 2;
      };
      const one = client();
      expect(await pushAll('race/condition', () => one)).toEqual(digests);
      // None for the first, which finds no index; the second is refused once.
      expect(conditions).toEqual([undefined, ...Array(3).fill(expect.stringMatching(/^"sha256:/))]);
    });
  },
);
