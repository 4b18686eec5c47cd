export type { Progress, RegistryOptions } from './connection.js';
export {
  type Credential,
  credentialFiles,
  findCredential,
  removeCredential,
  saveCredential,
} from './credentials.js';
export { Registries } from './registry.js';
export type { UploadContent } from './upload.js';
