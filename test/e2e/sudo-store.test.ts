import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageStore, parseReference } from '../../core/oci/index.js';
import { KeptSignatures } from '../../core/oci/trust/kept-signatures.js';
import type { SignatureImage } from '../../core/oci/trust/signature-image.js';
import { BEE, isInstalled } from '../support/bee.js';
import { payload, signatureImage, signedLayer } from '../support/signatures.js';

describe.skipIf(process.getuid?.() !== 0 || !isInstalled('unshare'))(
  "root under sudo, and its caller's store (not root, or no unshare: skipped)",
  () => {
    let folder: string;
    let caller: ImageStore;
    let root: ImageStore;
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bee-sudo-'));
      mkdirSync(join(folder, 'ada'));
      writeFileSync(
        join(folder, 'passwd'),
        `${readFileSync('/etc/passwd', 'utf8')}ada:x:54321:54321::${join(folder, 'ada')}:/bin/sh\n`,
      );
      caller = new ImageStore(join(folder, 'ada', '.bumblebee', 'store'));
      root = new ImageStore(join(folder, 'root', '.bumblebee', 'store'));
      await caller.putProbe('localhost/mine:v1', Buffer.from('ELF'));
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    /** As sudo starts it, with a passwd that knows the caller. */
    const sudoBee = (...args: string[]) => {
      const script = 'mount --bind "$1" /etc/passwd && shift && exec "$@"';
      const { BEE_STORAGE: _none, npm_command: _npx, ...environment } = process.env;
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        ['--mount', 'sh', '-c', script, 'sh', join(folder, 'passwd'), process.execPath, BEE, ...args],
        {
          encoding: 'utf8',
          env: { ...environment, HOME: join(folder, 'root'), SUDO_UID: '54321', NO_COLOR: '1' },
        },
      );
      return { status, stdout, stderr };
    };

    it('tags what the caller has, in its own store, with its signatures', async () => {
      const before = await caller.entries();
      const subject = before[0]!.descriptor.digest;
      const { privateKey } = generateKeyPairSync('ed25519');
      const { manifest, blobs } = signatureImage(signedLayer(privateKey, payload(subject)));
      const [config, ...layers] = blobs;
      const signature = { manifest, config, layers } as unknown as SignatureImage;
      await new KeptSignatures(caller).keep(subject, signature);
      const { status, stdout, stderr } = sudoBee('tag', 'localhost/mine:v1', 'localhost/ours:v2');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const [image] = await root.entries();
      expect(image).toMatchObject({ name: 'localhost/ours:v2', descriptor: { digest: stdout.trim() } });
      expect(image?.descriptor.digest).toBe(before[0]?.descriptor.digest);
      expect(Buffer.from((await root.readProbe('localhost/ours:v2'))!.program).toString()).toBe('ELF');
      expect(await caller.entries()).toEqual(before);
      const kept: unknown[] = [];
      for await (const found of new KeptSignatures(root).signatures(
        parseReference('localhost/ours:v2'),
        subject,
      ))
        kept.push('image' in found ? found.image.manifest.descriptor.digest : found);
      expect(kept).toEqual([manifest.descriptor.digest]);
    });

    it("removes nothing of the caller's, and says so", async () => {
      const { status, stdout, stderr } = sudoBee('rm', 'localhost/mine:v1');
      expect({ status, stdout, stderr }).toEqual({
        status: 1,
        stdout: '',
        stderr: `error: localhost/mine:v1 is in ${caller.folder}, which is only read: it is of the user who called sudo\nWithout sudo: bee rm localhost/mine:v1\n`,
      });
      expect((await caller.entries()).length).toBe(1);
    });
  },
);
