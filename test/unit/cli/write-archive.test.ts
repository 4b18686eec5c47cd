import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LayerContent } from '../../../core/cli/package/base-image.js';
import { writeArchive } from '../../../core/cli/package/write-archive.js';
import { digestOf, mediaTypes } from '../../../core/oci/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-archive-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function content(mediaType: string, text: string): LayerContent {
  const bytes = Buffer.from(text);
  const read = async function* () {
    yield bytes;
  };
  return { mediaType, digest: digestOf(bytes), size: bytes.length, read };
}
const image = {
  config: content('application/vnd.oci.image.config.v1+json', '{}'),
  layers: [content('application/vnd.oci.image.layer.v1.tar', 'layer')],
  manifest: content(mediaTypes.MANIFEST, '{"schemaVersion":2}'),
};

it('replaces a file only where that is asked for, and leaves nothing else behind', async () => {
  const path = join(folder, 'a.tar');
  await writeArchive(path, 'a:1', image, { epoch: 0, replace: false });
  const { size } = statSync(path);
  writeFileSync(path, 'mine');
  // Somebody made it while the image was.
  await expect(writeArchive(path, 'a:1', image, { epoch: 0, replace: false })).rejects.toMatchObject({
    code: 'EEXIST',
  });
  expect(readFileSync(path, 'utf8')).toBe('mine');
  await writeArchive(path, 'a:1', image, { epoch: 0, replace: true });
  expect(statSync(path).size).toBe(size);
  expect(readdirSync(folder)).toEqual(['a.tar']);
});
