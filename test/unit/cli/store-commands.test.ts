import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { runBee } from '../../../core/cli/program.js';
import { type Blob, digestOf, mediaTypes } from '../../../core/oci/index.js';
import { KeptSignatures } from '../../../core/oci/trust/kept-signatures.js';
import type { SignatureImage } from '../../../core/oci/trust/signature-image.js';
import { beeHere } from '../../support/bee-here.js';
import { scratchOci } from '../../support/scratch-oci.js';
import { payload, signatureImage, signedLayer } from '../../support/signatures.js';

const scratch = scratchOci('bee-store-commands-');
const env = () => ({ HOME: scratch.folder, BEE_STORAGE: scratch.store.folder });

it('bee inspect --raw prints a config byte for byte, whatever it is', async () => {
  const blob = (mediaType: string, bytes: Buffer): Blob => ({
    descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
    bytes,
  });
  const config = blob('application/x', Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d, 0xff, 0x0a, 0x0d]));
  const program = blob('application/y', Buffer.from('program'));
  const document = { schemaVersion: 2, config: config.descriptor, layers: [program.descriptor] };
  const manifest = blob(mediaTypes.MANIFEST, Buffer.from(JSON.stringify(document)));
  await scratch.store.putImage('x/y:1', manifest, [config, program]);
  const written: Buffer[] = [];
  const code = await runBee(['inspect', 'x/y:1', '--raw', 'config'], {
    stdout: { write: (text) => written.push(Buffer.from(text)) },
    stderr: { write: () => true },
    env: env(),
    cwd: scratch.folder,
    signal: new AbortController().signal,
  });
  expect(code).toBe(0);
  expect(digestOf(Buffer.concat(written))).toBe(config.descriptor.digest);
});

it('bee rm of images one of which is missing forgets the signatures of those that went', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { digest } = await scratch.store.putProbe('x/y:1', Buffer.from('ELF'));
  const { manifest, blobs } = signatureImage(signedLayer(privateKey, payload(digest)));
  const [config, ...layers] = blobs;
  const kept = new KeptSignatures(scratch.store);
  await kept.keep(digest, { manifest, config, layers } as unknown as SignatureImage);
  const { code, stderr } = await beeHere(['rm', 'x/y:1', 'x/y:2'], { env: env() });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('no image x/y:2') });
  expect(await kept.prune()).toBe(0);
});
