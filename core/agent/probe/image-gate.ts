import type { VerifyConfig } from '../../../config/index.js';
import type { PublicKey } from '../../oci/index.js';
import {
  type ImageStores,
  type Probe,
  type Reference,
  type Registries,
  type Verified,
  verifyImage,
} from '../../oci/index.js';
import type { Logger } from '../logger.js';
import { readVerifyKeys } from '../verify-keys.js';

/** Whether an image of a probe may pass, by who signed it. */
export class ImageGate {
  private constructor(
    private readonly keys: readonly PublicKey[],
    private readonly isRequired: boolean,
    private readonly stores: ImageStores,
    private readonly log: Logger | undefined,
  ) {}

  /** `verify` undefined: everything passes. Rejects where a key cannot be read. */
  static async open(
    verify: VerifyConfig | undefined,
    stores: ImageStores,
    log: Logger | undefined,
  ): Promise<ImageGate> {
    const keys = await readVerifyKeys(verify?.keys ?? []);
    return new ImageGate(keys, verify?.require ?? false, stores, log);
  }

  /** Nothing is asked of images. */
  get isOpen(): boolean {
    return this.keys.length === 0;
  }

  /** Rejects with `UNTRUSTED`. Without `registries`, by the signatures that the stores have kept. */
  async check(
    reference: Reference,
    documents: Probe['documents'],
    registries?: Registries,
    signal?: AbortSignal,
  ): Promise<Verified | undefined> {
    if (this.isOpen) return undefined;
    const policy = { keys: this.keys, require: this.isRequired };
    const verified = await verifyImage(reference, documents, policy, {
      stores: this.stores.all,
      registries,
      warn: (message) => this.log?.warn(message),
      signal,
    });
    if (verified)
      this.log?.info(`verified ${reference.text} ${verified.subject}: signed with ${verified.key.name}`);
    return verified;
  }
}
