import { realpath, stat } from 'node:fs/promises';
import { type AgentConfig, requireTrusted } from '../../../config/index.js';
import { credentialFiles, findCredential, Registries, type RegistryOptions } from '../../oci/index.js';

/** A registry that is silent for so long is not waited for: another probe, or the image in the store, may be ready. */
const PATIENCE = { connectTimeout: 10_000, headerTimeout: 15_000, idleTimeout: 15_000, attempts: 3 };

/**
 * Registries as the config says, with the credentials of the program around the agent, or else those that `bee login`
 * and Docker keep. As root, a certificate authority that others can write is refused, as the config is: it decides
 * whom root believes.
 */
export async function openRegistries(
  settings: AgentConfig['registries'],
  given?: RegistryOptions['credential'],
): Promise<Registries> {
  for (const { caFile } of Object.values(settings)) {
    if (caFile === undefined || process.getuid?.() !== 0) continue;
    // One that is not there is told of when it is used, by who would use it.
    const real = await realpath(caFile).catch(() => undefined);
    if (real !== undefined) await requireTrusted(real, await stat(real), process.env);
  }
  const { files } = credentialFiles({ env: process.env });
  const credential = given ?? ((registry: string) => findCredential(registry, { files }));
  return new Registries({ ...PATIENCE, credential, registries: settings });
}
