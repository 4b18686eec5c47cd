import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PublicKey } from '../../../core/oci/index.js';

const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-key-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a public key', () => {
  it('is read from a file, also through a link, with the fingerprint that sha256sum gives of its DER', async () => {
    const file = join(folder, 'cosign.pub');
    writeFileSync(file, `A comment before it.\n${pem(p256.publicKey)}`);
    symlinkSync(file, join(folder, 'link.pub'));
    const key = await PublicKey.read(join(folder, 'link.pub'));
    const der = p256.publicKey.export({ type: 'spki', format: 'der' });
    expect(key.fingerprint).toBe(`sha256:${createHash('sha256').update(der).digest('hex')}`);
    expect(key.name).toBe(join(folder, 'link.pub'));
  });

  it('of a kind that is not meant for this is refused, with what it is', async () => {
    const refusals: [text: string, why: string | RegExp][] = [
      ['', 'it is no PEM file. A public key begins with -----BEGIN PUBLIC KEY-----'],
      ['ssh-ed25519 AAAA', 'it is no PEM file'],
      [
        p256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        'it is a private key. Give the public one, such as cosign.pub; keep this one away',
      ],
      ['-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAA==', 'it is a private key'],
      ['-----BEGIN CERTIFICATE-----\nAA==', 'it holds a "CERTIFICATE", not a PUBLIC KEY'],
      ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'it is damaged'],
      [pem(p256.publicKey) + pem(p256.publicKey), 'it holds several keys'],
      [pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), 'its modulus has 1024 bits'],
      [pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey), 'its curve is secp256k1'],
      [pem(generateKeyPairSync('ed448').publicKey), 'it is a key for ed448'],
      [pem(generateKeyPairSync('x25519').publicKey), 'it is a key for x25519'],
    ];
    for (const [text, why] of refusals)
      await expect(PublicKey.parse(text, 'k.pub'), String(why)).rejects.toThrow(
        `cannot verify with k.pub: ${why}`,
      );
  });

  it('that cannot be read is named', async () => {
    await expect(PublicKey.read(join(folder, 'none'))).rejects.toThrow(
      `cannot verify with ${join(folder, 'none')}: there is no such file`,
    );
    await expect(PublicKey.read(folder)).rejects.toThrow('it is no file');
    const large = join(folder, 'large');
    writeFileSync(large, 'x'.repeat(100_000));
    await expect(PublicKey.read(large)).rejects.toThrow('it has more than 65536 bytes');
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await expect(PublicKey.read(fifo)).rejects.toThrow('it is no file');
  });

  it('takes no signature of a shape that makes the library throw', async () => {
    const key = await PublicKey.parse(pem(p256.publicKey), 'k');
    for (const bytes of [[], [0], [0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Array(10_000).fill(0x30)])
      expect(key.verifies(Buffer.from('x'), Buffer.from(bytes))).toBe(false);
  });

  it('of Ed25519 takes prehashed signatures too: the example of RFC 8032, 7.3', async () => {
    const x = Buffer.from('ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf', 'hex');
    const text = pem(
      createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') }, format: 'jwk' }),
    );
    const signature = Buffer.from(
      '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406',
      'hex',
    );
    const key = await PublicKey.parse(text, 'k');
    expect(key.verifies(Buffer.from('abc'), signature)).toBe(true);
    expect(key.verifies(Buffer.from('abd'), signature)).toBe(false);
    expect(key.verifies(Buffer.from('abc'), signature.subarray(1))).toBe(false);
  });
});
