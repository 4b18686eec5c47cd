import { describe, expect, it } from 'vitest';
import { type Blob, digestOf, mediaTypes, parseReference, Registries } from '../../../core/oci/index.js';
import { scratchOci } from '../../support/scratch-oci.js';
import { answer, bodyOf, WebServer } from '../../support/web-server.js';

const scratch = scratchOci('bee-referrers-tag-');

const manifestOf = (fields: object): Blob => {
  const config = { mediaType: 'application/x', digest: digestOf(Buffer.from('{}')), size: 2 };
  const document = { schemaVersion: 2, mediaType: mediaTypes.MANIFEST, config, layers: [], ...fields };
  const bytes = Buffer.from(JSON.stringify(document));
  return {
    descriptor: { mediaType: mediaTypes.MANIFEST, digest: digestOf(bytes), size: bytes.length },
    bytes,
  };
};
const subject = manifestOf({});
const referrer = manifestOf({ subject: subject.descriptor });

/** Pushes to a registry that shows, for so many looks after a write of the index, the one that was there before. */
async function pushTo(oldLooks: number) {
  const before = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.INDEX, manifests: [subject.descriptor] }),
  );
  let index: Buffer = before;
  let looks = Number.POSITIVE_INFINITY;
  const registry = await WebServer.start(async (request, response) => {
    const isIndex = /\/manifests\/sha256-/.test(request.url ?? '');
    if (request.method === 'PUT') {
      const body = await bodyOf(request);
      if (isIndex) [index, looks] = [body, 0];
      return answer(response, 201);
    }
    if (!isIndex) return answer(response, 404, '{}');
    const shown = looks++ < oldLooks ? before : index;
    return answer(response, 200, shown, { 'content-type': mediaTypes.INDEX });
  });
  scratch.server = registry;
  scratch.registries = new Registries({ env: {}, attempts: 1 });
  const pushed = scratch.registries.pushManifest(parseReference(`${registry.host}/a/b:v1`), referrer);
  const result = await pushed.then(
    () => 'pushed',
    (error: Error) => error.message,
  );
  const puts = registry.asked.filter((line) => /^PUT .*\/sha256-/.test(line)).length;
  const listed = (JSON.parse(index.toString()) as { manifests: { digest: string }[] }).manifests;
  return { result, puts, listed: listed.map(({ digest }) => digest) };
}

describe('a registry without the referrers API that shows an old index for a while', () => {
  const both = [subject.descriptor.digest, referrer.descriptor.digest];

  it('is looked at again, and not written to again', async () => {
    expect(await pushTo(3)).toEqual({ result: 'pushed', puts: 1, listed: both });
  });

  it('is told of where the while does not end', async () => {
    const { result, ...rest } = await pushTo(Number.POSITIVE_INFINITY);
    expect(result).toContain(`${referrer.descriptor.digest} cannot be seen yet in`);
    expect(rest).toEqual({ puts: 1, listed: both });
  }, 20_000);
});
