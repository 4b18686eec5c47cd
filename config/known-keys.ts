import type { z } from 'zod';
import type { ConfigPath } from './config.js';

/** Keys that a schema knows at a path; none where it takes any. */
export function knownKeys(schema: z.core.$ZodType, path: ConfigPath): string[] {
  const [key, ...rest] = path;
  const { def } = unwrap(schema)._zod;
  if (def.type === 'object') {
    const { shape } = def as z.core.$ZodObjectDef;
    if (key === undefined) return Object.keys(shape);
    const next = Object.hasOwn(shape, key) ? shape[key as string] : undefined;
    return next === undefined ? [] : knownKeys(next, rest);
  }
  if (key === undefined) return [];
  if (def.type === 'array') return knownKeys((def as z.core.$ZodArrayDef).element, rest);
  if (def.type === 'record') return knownKeys((def as z.core.$ZodRecordDef).valueType, rest);
  return [];
}

/** What is inside of optional values, of those with a default, and of those that are transformed. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = schema._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
      return unwrap((def as z.core.$ZodOptionalDef).innerType);
    case 'pipe':
      return unwrap((def as z.core.$ZodPipeDef).in);
    default:
      return schema;
  }
}
