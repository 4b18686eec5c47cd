import { addon } from './addon.js';

/** Version of the libbpf that the addon is linked with: `1.1`. */
export function libbpfVersion(): string {
  return addon().libbpfVersion();
}
