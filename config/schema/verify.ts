import { z } from 'zod';
import { line } from './values.js';

const keyFile = line('the path of a public key, such as cosign.pub');

export const verifySchema = z.strictObject({
  key: z
    .union([keyFile, z.array(keyFile).min(1, { error: 'at least one public key' })], {
      error: 'the path of a public key, such as cosign.pub, or a list of them',
    })
    .optional()
    .describe('Public key in PEM, relative to this file; of several, any may have signed.'),
  require: z
    .boolean()
    .optional()
    .describe('Whether an image without a signature by a key is refused, or only warned of. Default true.'),
});

export type VerifyEntry = z.output<typeof verifySchema>;
