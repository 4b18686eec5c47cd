import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type Digest, quote } from '../digest.js';
import { OciError } from '../error.js';
import { readKeyFile } from './key-file.js';

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 16_384;

/**
 * What cosign signs with: SHA-256 up to v2, and the curve's own hash since (sigstore-go calls the pair "compat").
 * All of these resist collisions, so that trying each is as good as knowing which.
 */
const ECDSA_HASHES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['sha256'],
  secp384r1: ['sha384', 'sha256'],
  secp521r1: ['sha512', 'sha256'],
};
const RSA_HASHES: readonly string[] = ['sha256', 'sha384', 'sha512'];

/** A public key that images are verified with: ECDSA on P-256, P-384 or P-521, RSA of 2048 bits or more, Ed25519. */
export class PublicKey {
  /** SHA-256 of the key as SubjectPublicKeyInfo, as `openssl pkey -pubin -outform DER | sha256sum` prints it. */
  readonly fingerprint: Digest;

  private constructor(
    /** The file as it was named. */
    readonly name: string,
    private readonly key: KeyObject,
    private readonly verifiesPrehashed: Verify | undefined,
  ) {
    const der = key.export({ type: 'spki', format: 'der' });
    this.fingerprint = `sha256:${createHash('sha256').update(der).digest('hex')}` as Digest;
  }

  /** A PEM file, as `cosign generate-key-pair` and `openssl pkey -pubout` write them. `INVALID_KEY`. */
  static async read(file: string): Promise<PublicKey> {
    return PublicKey.parse(await readKeyFile(file), file);
  }

  static async parse(pem: string, name: string): Promise<PublicKey> {
    const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(pem)?.[1];
    if (label === undefined)
      throw invalid(name, 'it is no PEM file. A public key begins with -----BEGIN PUBLIC KEY-----');
    if (label.endsWith('PRIVATE KEY'))
      throw invalid(name, 'it is a private key. Give the public one, such as cosign.pub; keep this one away');
    if (label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY')
      throw invalid(name, `it holds a ${quote(label)}, not a PUBLIC KEY`);
    if (pem.split('-----BEGIN ').length > 2)
      throw invalid(name, 'it holds several keys. Give each in a file of its own');
    let key: KeyObject;
    try {
      key = createPublicKey(pem);
    } catch (cause) {
      throw invalid(name, 'it is damaged, or of a kind that is not known', cause);
    }
    const why = unfit(key);
    if (why !== undefined) throw invalid(name, why);
    return new PublicKey(name, key, key.asymmetricKeyType === 'ed25519' ? await ed25519ph(key) : undefined);
  }

  /** The key itself, whatever else its file held. */
  get pem(): string {
    return String(this.key.export({ type: 'spki', format: 'pem' }));
  }

  /** Whether `signature` is this key's, of `data`. Never throws: a signature of any shape is only wrong. */
  verifies(data: Uint8Array, signature: Uint8Array): boolean {
    const isPlain = this.schemes().some(({ hash, options }) =>
      quietly(() => verify(hash, data, { key: this.key, ...options }, signature)),
    );
    return isPlain || quietly(() => this.verifiesPrehashed?.(data, signature) ?? false);
  }

  private schemes(): { hash: string | null; options: object }[] {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = this.key;
    if (type === 'ed25519') return [{ hash: null, options: {} }];
    if (type === 'ec')
      return (ECDSA_HASHES[details?.namedCurve ?? ''] ?? []).map((hash) => ({
        hash,
        options: { dsaEncoding: 'der' },
      }));
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
    const pkcs1 = { padding: constants.RSA_PKCS1_PADDING };
    const paddings = type === 'rsa' ? [pkcs1, pss] : [pss];
    return paddings.flatMap((options) => RSA_HASHES.map((hash) => ({ hash, options })));
  }
}

type Verify = (data: Uint8Array, signature: Uint8Array) => boolean;

/**
 * Ed25519ph (RFC 8032, 5.1): what cosign signs with since v2.6 when its key is Ed25519. Node's crypto has it not. The
 * library is loaded with the first such key.
 */
async function ed25519ph(key: KeyObject): Promise<Verify> {
  const library = await import('@noble/curves/ed25519.js');
  const point = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  return (data, signature) => library.ed25519ph.verify(signature, data, point, { zip215: false });
}

function quietly(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

/** Why a key is not taken. */
function unfit({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  switch (type) {
    case 'ed25519':
      return undefined;
    case 'ec': {
      const curve = details?.namedCurve ?? 'unnamed';
      return curve in ECDSA_HASHES ? undefined : `its curve is ${curve}, not P-256, P-384 or P-521`;
    }
    case 'rsa':
    case 'rsa-pss': {
      const bits = details?.modulusLength ?? 0;
      if (bits < MIN_RSA_BITS)
        return `its modulus has ${bits} bits: at least ${MIN_RSA_BITS} are needed to trust it`;
      return bits > MAX_RSA_BITS
        ? `its modulus has ${bits} bits, more than the ${MAX_RSA_BITS} allowed`
        : undefined;
    }
    default:
      return `it is a key for ${type}, not ECDSA, RSA or Ed25519`;
  }
}

function invalid(name: string, why: string, cause?: unknown): OciError {
  return new OciError('INVALID_KEY', `cannot verify with ${name}: ${why}`, { cause });
}
