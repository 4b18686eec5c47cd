import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LayerContent } from '../../../core/cli/package/base-image.js';
import { writeLayout } from '../../../core/cli/package/write-layout.js';
import { type Digest, ImageStore, mediaTypes, parseReference } from '../../../core/oci/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-layout-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function content(mediaType: string, text: string): LayerContent {
  const bytes = Buffer.from(text);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
  const read = async function* () {
    yield bytes;
  };
  return { mediaType, digest, size: bytes.length, read };
}

const base = content('application/vnd.oci.image.layer.v1.tar', 'what every image has');

function imageOf(text: string) {
  const layers = [base, content('application/vnd.oci.image.layer.v1.tar', `layer ${text}`), base];
  const config = content('application/vnd.oci.image.config.v1+json', JSON.stringify({ text }));
  const of = ({ mediaType, digest, size }: LayerContent) => ({ mediaType, digest, size });
  const document = { schemaVersion: 2, config: of(config), layers: layers.map(of) };
  return { config, layers, manifest: content(mediaTypes.MANIFEST, JSON.stringify(document)) };
}

it('keeps all images that are written into one layout at the same time, and what else its index says', async () => {
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const unnamed = { mediaType: mediaTypes.MANIFEST, digest: base.digest, size: base.size, data: 'AA==' };
  const document = { schemaVersion: 2, annotations: { whose: 'another tool' }, manifests: [unnamed] };
  writeFileSync(join(folder, 'index.json'), JSON.stringify(document));
  const names = ['a:1', 'b:1', 'c:1', 'd:1', 'e:1', 'f:1'];
  await Promise.all(names.map((name) => writeLayout(folder, name, imageOf(name))));
  expect((await new ImageStore(folder).list()).map(({ name }) => name)).toEqual(names);
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  expect(index).toMatchObject({
    annotations: { whose: 'another tool' },
    manifests: [unnamed, ...names.map(() => ({}))],
  });
  expect(readdirSync(folder).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
});

it('replaces a blob that is damaged', async () => {
  const image = imageOf('x');
  await writeLayout(folder, 'x:1', image);
  const damage = [base, image.config, image.manifest].map(({ digest }) =>
    join(folder, 'blobs', digest.replace(':', '/')),
  );
  for (const path of damage) writeFileSync(path, readFileSync(path).fill('?', 3, 4));
  await writeLayout(folder, 'x:1', image);
  const store = new ImageStore(folder);
  expect(await store.resolve(parseReference('x:1'))).toMatchObject({ digest: image.manifest.digest });
  for (const part of [...image.layers, image.config, image.manifest])
    await expect(store.fetch(part, { limit: 1000 })).resolves.toHaveLength(part.size);
});
