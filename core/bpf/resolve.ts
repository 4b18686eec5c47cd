import type { Btf } from './btf.js';
import type { BtfType } from './btf-types.js';
import { BpfError } from './error.js';
import { LIMITS } from './limits.js';

export interface Resolved {
  readonly id: number;
  /** What is left when every typedef, qualifier and type tag is taken off. Never one of these. */
  readonly type: Exclude<
    BtfType,
    { readonly kind: 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag' }
  >;
  /** Names of the typedefs on the way, outermost first. */
  readonly typedefs: readonly string[];
  readonly isConst: boolean;
  readonly isVolatile: boolean;
}

/** Follow typedefs, qualifiers and type tags to what they stand for. */
export function resolve(btf: Btf, id: number): Resolved {
  const typedefs: string[] = [];
  let isConst = false;
  let isVolatile = false;
  let at = id;
  for (let steps = 0; steps < LIMITS.typeDepth; steps++) {
    const type = btf.type(at);
    switch (type.kind) {
      case 'typedef':
        typedefs.push(type.name);
        break;
      case 'const':
        isConst = true;
        break;
      case 'volatile':
        isVolatile = true;
        break;
      case 'restrict':
      case 'type_tag':
        break;
      default:
        return { id: at, type, typedefs, isConst, isVolatile };
    }
    if (type.type === id) throw new BpfError('cyclic-type', whereIs(btf, id), 'it stands for itself');
    at = type.type;
  }
  throw new BpfError(
    'cyclic-type',
    whereIs(btf, id),
    `it still stands for another type after ${LIMITS.typeDepth} steps`,
  );
}

/** sizeof, bytes. An error for what has no size: functions, void, forward declarations. */
export function sizeOf(btf: Btf, id: number): number {
  let factor = 1;
  let at = id;
  for (let depth = 0; depth < LIMITS.typeDepth; depth++) {
    const { type } = resolve(btf, at);
    switch (type.kind) {
      case 'array':
        // An array of nothing has no bytes, however long; an absurd product is caught below.
        factor *= type.length;
        at = type.type;
        continue;
      case 'int':
      case 'float':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
        return checkSize(btf, id, factor * type.size);
      case 'ptr':
        return checkSize(btf, id, factor * 8);
      default:
        throw new BpfError('malformed-btf', whereIs(btf, at), `a ${nounOf(type)} has no size`);
    }
  }
  throw new BpfError('cyclic-type', whereIs(btf, id), `arrays nested more than ${LIMITS.typeDepth} deep`);
}

function checkSize(btf: Btf, id: number, size: number): number {
  if (size > LIMITS.typeBytes) {
    throw new BpfError('limit', whereIs(btf, id), `${size} bytes, more than ${LIMITS.typeBytes}`);
  }
  return size;
}

/** As C writes it: `struct event`, `duration`, `char[16]`. Empty for an anonymous type. */
export function typeNameOf(btf: Btf, id: number): string {
  let at = id;
  let suffix = '';
  for (let steps = 0; steps < LIMITS.typeDepth; steps++) {
    const type = btf.type(at);
    switch (type.kind) {
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        at = type.type;
        continue;
      case 'array':
        suffix += `[${type.length}]`;
        at = type.type;
        continue;
      case 'struct':
      case 'union':
        return type.name && `${type.kind} ${type.name}${suffix}`;
      case 'enum':
      case 'enum64':
        return type.name && `enum ${type.name}${suffix}`;
      case 'fwd':
        return `${type.of} ${type.name}${suffix}`;
      case 'ptr':
        return `void *${suffix}`;
      default:
        return type.name && `${type.name}${suffix}`;
    }
  }
  return '';
}

/** Id and name of a type, for messages. Throws nothing. */
export function whereIs(btf: Btf, id: number): string {
  try {
    const { name } = btf.type(id);
    return name ? `BTF type ${id} (${name})` : `BTF type ${id}`;
  } catch {
    return `BTF type ${id}`;
  }
}

function nounOf(type: BtfType): string {
  switch (type.kind) {
    case 'fwd':
      return 'forward declaration';
    case 'func':
    case 'func_proto':
      return 'function';
    case 'void':
      return 'void type';
    default:
      return type.kind;
  }
}
