/** OCI images of eBPF programs: references, the local store, and the shape of an image. */
export type { Annotations, Descriptor } from './descriptor.js';
export { type Digest, type DigestAlgorithm, digester, digestOf, isDigest, parseDigest } from './digest.js';
export { OciError, type OciErrorCode, systemReason } from './error.js';
export { makeFolder, readLinkedFile } from './files.js';
export {
  type Blob,
  buildProbeImage,
  type Probe,
  type ProbeDetails,
  type ProbeImage,
  readProbe,
} from './image.js';
export { buildImageIndex, type PlatformImage } from './image-index.js';
export * as limits from './limits.js';
export type { LockOptions } from './lock.js';
export { type ImageIndex, type Manifest, parseManifest } from './manifest.js';
export * as mediaTypes from './media-types.js';
export { hostPlatform, type Platform, runsOn } from './platform.js';
export {
  type NetworkReference,
  networkReference,
  parseReference,
  type Reference,
  shortName,
} from './reference.js';
export {
  type Credential,
  credentialFiles,
  findCredential,
  type Progress,
  Registries,
  type RegistryOptions,
  removeCredential,
  saveCredential,
  type UploadContent,
} from './registry/index.js';
export type { FetchOptions, ImageSource, SourceOptions } from './source.js';
export { ImageStore, type StoredImage } from './store.js';
export { type StoreLocation, type StoreLocationInput, storeLocation } from './store-location.js';
export { type ImageStores, type LocatedImage, openStores } from './stores.js';
export {
  copyImage,
  type PullOptions,
  pullImage,
  pushImage,
  type TransferOptions,
  withDefaultTag,
} from './transfer.js';
export {
  AllowList,
  countSignatures,
  keepSignature,
  PublicKey,
  pruneSignatures,
  type SignaturePolicy,
  type Verified,
  type VerifyOptions,
  verifyImage,
} from './trust/index.js';
