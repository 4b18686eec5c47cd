import { z } from 'zod';
import { fileSchema } from './schema/index.js';

/**
 * The schema of probes.yaml as JSON Schema, for editors. `config/schema.json` is what it gives; a test keeps the two
 * alike. What keys say together is not in it.
 *
 * @example # yaml-language-server: $schema=node_modules/bee-agent/config/schema.json
 */
export function configJsonSchema(): object {
  const schema = z.toJSONSchema(fileSchema, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
  return { ...schema, title: 'bee-agent probes.yaml' };
}
