import type { Btf } from './btf.js';
import type { BtfMember } from './btf-types.js';
import { BpfError } from './error.js';
import type { Layout } from './layout.js';
import type { LayoutBuilder } from './layout-builder.js';
import { exportKindOf } from './map-kind.js';
import { mapTypeName } from './map-type.js';
import { resolve, sizeOf } from './resolve.js';
import type { SectionVariable } from './section-variables.js';
import type { MapSpec } from './spec.js';

const RINGS: ReadonlySet<string> = new Set(['ringbuf', 'user_ringbuf']);

/**
 * One BTF-defined map, read as libbpf 1.x does (`parse_btf_map_def`): `__uint(x, n)` is a pointer to an array of
 * n ints, `__type(x, T)` a pointer to T, `__array(values, …)` the inner maps or programs. Members that are not
 * needed here are passed over.
 */
export function mapDefinition(
  btf: Btf,
  layouts: LayoutBuilder,
  section: string,
  variable: SectionVariable,
  index: number,
): MapSpec {
  const where = `map ${variable.name}`;
  const { type } = resolve(btf, variable.type);
  if (type.kind !== 'struct')
    throw new BpfError('bad-map', where, `its definition is a ${type.kind}, not a struct`);

  const fields = new Map<string, BtfMember>(type.members.map((member) => [member.name, member]));
  const uint = (name: string): number | undefined => {
    const member = fields.get(name);
    return member && uintOf(btf, member, `${where}, ${name}`);
  };
  const pointee = (name: string): number | undefined => {
    const member = fields.get(name);
    return member && pointeeOf(btf, member, `${where}, ${name}`);
  };

  const typeNumber = uint('type');
  if (typeNumber === undefined) throw new BpfError('bad-map', where, 'no type');
  const typeName = mapTypeName(typeNumber);
  const isRing = RINGS.has(typeName);
  const key = pointee('key');
  const value = pointee('value');
  const isOuter = fields.has('values');
  const keySize = sizeFrom(btf, uint('key_size'), key, `${where}, key`);
  const valueSize = isRing ? 0 : sizeFrom(btf, uint('value_size'), value, `${where}, value`);

  const keyLayout = key === undefined ? undefined : tryLayout(layouts, key);
  const valueLayout = value === undefined ? undefined : tryLayout(layouts, value);
  const undecodable = keyLayout?.problem ?? valueLayout?.problem;
  return {
    name: variable.name,
    section,
    type: typeName,
    maxEntries: uint('max_entries') ?? 0,
    flags: uint('map_flags') ?? 0,
    keySize,
    // Descriptors of inner maps or programs.
    valueSize: isOuter && valueSize === 0 ? 4 : valueSize,
    ...(keyLayout?.layout && { key: keyLayout.layout }),
    ...(valueLayout?.layout && { value: valueLayout.layout }),
    ...(undecodable !== undefined && { undecodable }),
    index,
    kind: exportKindOf(variable.name, section),
  };
}

function uintOf(btf: Btf, member: BtfMember, where: string): number {
  const pointer = resolve(btf, member.type).type;
  if (pointer.kind !== 'ptr') throw new BpfError('bad-map', where, `a ${pointer.kind}, not a __uint`);
  const array = resolve(btf, pointer.type).type;
  if (array.kind !== 'array') throw new BpfError('bad-map', where, `points to a ${array.kind}, not a __uint`);
  return array.length;
}

function pointeeOf(btf: Btf, member: BtfMember, where: string): number {
  const pointer = resolve(btf, member.type).type;
  if (pointer.kind !== 'ptr') throw new BpfError('bad-map', where, `a ${pointer.kind}, not a __type`);
  const pointed = resolve(btf, pointer.type).type;
  if (pointed.kind !== 'fwd') return pointer.type;
  const complete = btf.find(pointed.of, pointed.name);
  if (complete === undefined) {
    throw new BpfError('bad-map', where, `${pointed.of} ${pointed.name} is declared, but nowhere defined`);
  }
  return complete;
}

function sizeFrom(btf: Btf, said: number | undefined, type: number | undefined, where: string): number {
  if (type === undefined) return said ?? 0;
  const size = sizeOf(btf, type);
  if (said !== undefined && said !== size) {
    throw new BpfError('bad-map', where, `its size is given as ${said}, its type has ${size} bytes`);
  }
  return size;
}

/** A map nobody wants to read may hold what cannot be laid out; only damage is an error here. */
function tryLayout(layouts: LayoutBuilder, type: number): { layout?: Layout; problem?: string } {
  try {
    return { layout: layouts.layout(type) };
  } catch (error) {
    if (error instanceof BpfError && (error.code === 'limit' || error.code === 'unsupported')) {
      return { problem: error.message };
    }
    throw error;
  }
}
