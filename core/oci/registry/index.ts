export {
  type Credential,
  credentialFiles,
  findCredential,
  removeCredential,
  saveCredential,
} from './credentials.js';
export { type Progress, Registries, type RegistryOptions } from './registry.js';
