import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parseConfig } from '../../../config/index.js';
import { createLogger } from '../../../core/agent/logger.js';
import { readProbeImage } from '../../../core/agent/probe/probe-image.js';
import { parseReference } from '../../../core/oci/index.js';
import { KeptSignatures } from '../../../core/oci/trust/kept-signatures.js';
import type { SignatureImage } from '../../../core/oci/trust/signature-image.js';
import { scratchOci } from '../../support/scratch-oci.js';
import { payload, signatureImage, signedLayer } from '../../support/signatures.js';
import { answer, WebServer } from '../../support/web-server.js';

const STORE = fileURLToPath(new URL('../../fixtures/bumblebee/store', import.meta.url));
const scratch = scratchOci('bee-half-down-');

/** As the agent reads a probe's image with `pull: always`. */
function readAlways(probe: object, lines: string[]): ReturnType<typeof readProbeImage> {
  const loaded = parseConfig(
    JSON.stringify({
      probes: [{ ...probe, pull: 'always' }],
      agent: { storage: scratch.store.folder },
    }),
    join(scratch.folder, 'probes.yaml'),
    {},
  );
  const log = createLogger({
    level: 'info',
    terminal: false,
    color: false,
    write: (line) => lines.push(line),
  });
  return readProbeImage(loaded.config.probes[0]!, loaded.config.agent, {
    log,
    stop: new AbortController().signal,
    onPull: () => undefined,
  });
}

it.each([
  ['the same', '', 'runs it'],
  ['another', ' ', 'tells of the store, and not of the registry'],
])('pull: always, where the store takes nothing and the registry has %s image, %s', async (_image, more) => {
  cpSync(STORE, scratch.store.folder, { recursive: true });
  const execs = parseReference('localhost:5000/fixtures/execs:v1');
  const { digest, mediaType } = (await scratch.store.resolve(execs))!;
  const blob = join(scratch.store.folder, 'blobs', 'sha256', digest.slice(7));
  const manifest = `${readFileSync(blob, 'utf8')}${more}`;
  scratch.server = await WebServer.start((request, response) =>
    request.url?.includes('/manifests/') && !request.url.endsWith('.sig')
      ? answer(response, 200, manifest, { 'content-type': mediaType })
      : answer(response, 404, '{}'),
  );
  const image = `${scratch.server.host}/a/b:v1`;
  await scratch.store.tag(execs, parseReference(image));
  // No lock can be taken, as root either.
  mkdirSync(join(scratch.store.folder, '.lock'));
  const lines: string[] = [];
  const reading = readAlways({ image }, lines);
  if (more === '') {
    expect(await reading).toMatchObject({ digest });
    expect(lines.join('\n')).toContain("the store has the registry's image, which is used: ");
  } else {
    await expect(reading).rejects.toMatchObject({
      code: 'UNSAFE_PATH',
      message: expect.stringMatching(
        /\.lock is a symbolic link or a special file, which a store may not have$/,
      ),
    });
  }
});

it.each([
  [503, 'runs the signed image of the store'],
  [404, 'refuses the image, which is not signed'],
])('pull: always, with a registry that answers %i for signatures, %s', async (status) => {
  cpSync(STORE, scratch.store.folder, { recursive: true });
  const execs = parseReference('localhost:5000/fixtures/execs:v1');
  const descriptor = await scratch.store.resolve(execs);
  const digest = descriptor!.digest;
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = join(scratch.folder, 'key.pub');
  writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o600 });
  const signed = signatureImage(signedLayer(privateKey, payload(digest)));
  const [config, ...layers] = signed.blobs;
  const image = { manifest: signed.manifest, config, layers } as unknown as SignatureImage;
  await new KeptSignatures(scratch.store).keep(digest, image);
  // It has another image by now: the same with a blank at its end.
  const blobs = join(scratch.store.folder, 'blobs', 'sha256');
  const newer = `${readFileSync(join(blobs, digest.slice(7)), 'utf8')} `;
  scratch.server = await WebServer.start((request, response) => {
    if (request.url?.endsWith('/manifests/v1'))
      return answer(response, 200, newer, { 'content-type': descriptor!.mediaType });
    return answer(response, status, '{}');
  });
  const name = `${scratch.server.host}/a/b:v1`;
  await scratch.store.tag(execs, parseReference(name));
  const lines: string[] = [];
  const reading = readAlways({ image: name, verify: { key } }, lines);
  if (status === 404) await expect(reading).rejects.toMatchObject({ code: 'UNTRUSTED' });
  else {
    expect(await reading).toMatchObject({ digest });
    expect(lines.join('\n')).toContain('pulling failed, the image in the store is used');
  }
});
