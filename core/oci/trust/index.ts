export { AllowList } from './allow-list.js';
export { copySignatures } from './copy-signatures.js';
export { PublicKey } from './public-key.js';
export { type PushedSignatures, pushSignatures } from './push-signatures.js';
export type { Verified } from './verdict.js';
export {
  countSignatures,
  keepSignature,
  keepSignatures,
  pruneSignatures,
  type SignaturePolicy,
  type VerifyOptions,
  verifyImage,
} from './verify-image.js';
