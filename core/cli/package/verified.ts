import { digester } from '../../oci/index.js';
import { CliError } from '../errors.js';
import type { LayerContent } from './base-image.js';

/** Content piece by piece; throws at its end when it is not what its digest and size promise. */
export async function* verified({ digest, size, read }: LayerContent): AsyncIterable<Uint8Array> {
  const hash = digester(digest);
  let length = 0;
  for await (const chunk of read()) {
    length += chunk.length;
    if (length > size) break;
    hash.update(chunk);
    yield chunk;
  }
  if (length !== size || !hash.matches()) {
    throw new CliError('IO', `the base image is damaged: ${digest} has other content`);
  }
}
