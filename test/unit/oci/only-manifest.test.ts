import { expect, it } from 'vitest';
import { type Blob, buildProbeImage, digestOf, mediaTypes } from '../../../core/oci/index.js';
import { scratchOci } from '../../support/scratch-oci.js';

const scratch = scratchOci('bee-only-');
const { manifest, config, program } = buildProbeImage(Buffer.from('ELF'));

async function indexed(...platforms: (Record<string, string> | undefined)[]): Promise<string> {
  const { mediaType, digest, size } = manifest.descriptor;
  const manifests = platforms.map((platform) => ({
    mediaType,
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.INDEX, manifests }));
  const descriptor = { mediaType: mediaTypes.INDEX, digest: digestOf(bytes), size: bytes.length };
  const blobs: Blob[] = [manifest, config, program];
  await scratch.store.putImage('x/y:1', { descriptor, bytes }, blobs);
  return 'x/y:1';
}

it('the only manifest of an index may leave out what it is for', async () => {
  const probe = await scratch.store.readProbe(await indexed(undefined));
  expect(Buffer.from(probe!.program).toString()).toBe('ELF');
});

it.each([
  ['for another machine', [{ os: 'linux', architecture: 'mips' }]],
  ['two of which say nothing', [undefined, undefined]],
])('but an index %s has none for this one', async (_what, platforms) => {
  const name = await indexed(...platforms);
  await expect(scratch.store.readProbe(name)).rejects.toMatchObject({ code: 'NOT_A_PROBE' });
});
