import { type Btf, parseBtf } from './btf.js';
import type { BtfType } from './btf-types.js';
import { parseElf, sectionNamed } from './elf.js';
import { BpfError } from './error.js';
import { LIMITS } from './limits.js';
import { whereIs } from './resolve.js';

/**
 * Check all of an object that libbpf takes on trust. Before 1.3 it follows every id and every name of BTF without a
 * look, so a damaged one would end the process. Throws {@link BpfError}, as `parseObject` does, which looks only at
 * what it needs.
 */
export function checkSoundness(bytes: Uint8Array): void {
  const section = sectionNamed(parseElf(bytes), '.BTF');
  if (!section) return;
  const btf = parseBtf(section.data);
  for (let id = 1; id < btf.count; id++) {
    const type = btf.type(id);
    checkKinds(btf, id, type);
    for (const reference of references(type)) {
      if (reference >= btf.count)
        throw malformed(btf, id, `refers to type ${reference}, and there are only ${btf.count}`);
    }
  }
  checkNesting(btf);
}

function malformed(btf: Btf, id: number, problem: string): BpfError {
  return new BpfError('malformed-btf', whereIs(btf, id), problem);
}

/** What a function and the variables of a section must be. */
function checkKinds(btf: Btf, id: number, type: BtfType): void {
  if (type.kind === 'func') {
    const { kind } = btf.type(type.type);
    if (kind !== 'func_proto') throw malformed(btf, id, `a function whose type is a ${kind}`);
  }
  if (type.kind !== 'datasec') return;
  for (const variable of type.variables) {
    const { kind } = btf.type(variable.type);
    if (kind !== 'var' && kind !== 'func') throw malformed(btf, id, `puts a ${kind} into a section`);
  }
}

/** Ids that a type names. */
function references(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'array':
      return [type.type, type.indexType];
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type);
    case 'func_proto':
      return [type.returns, ...type.params.map((param) => param.type)];
    case 'datasec':
      return type.variables.map((variable) => variable.type);
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
    case 'func':
    case 'var':
    case 'decl_tag':
      return [type.type];
    default:
      return [];
  }
}

/** Ids of types that are a part of this one: what a pointer points to is none. */
function parts(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'ptr':
    case 'func':
    case 'func_proto':
    case 'decl_tag':
      return [];
    case 'array':
      return [type.type];
    default:
      return references(type);
  }
}

/** No type is a part of itself, and none is nested deeper than recursion could follow. */
function checkNesting(btf: Btf): void {
  /** Depth of types that are known; 0: not yet. */
  const depths = new Uint16Array(btf.count);
  const isOpen = new Uint8Array(btf.count);
  for (let first = 1; first < btf.count; first++) {
    const open: { id: number; parts: readonly number[]; next: number; depth: number }[] = [];
    const enter = (id: number): void => {
      isOpen[id] = 1;
      open.push({ id, parts: parts(btf.type(id)), next: 0, depth: 1 });
    };
    if (depths[first] === 0) enter(first);
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const part = top.parts[top.next];
      if (part === undefined) {
        depths[top.id] = top.depth;
        isOpen[top.id] = 0;
        open.pop();
        const parent = open.at(-1);
        if (parent) parent.depth = Math.max(parent.depth, top.depth + 1);
      } else if (isOpen[part] === 1) {
        throw new BpfError('cyclic-type', whereIs(btf, part), 'it contains itself');
      } else {
        top.next++;
        if (part === 0) continue;
        if (depths[part] === 0) enter(part);
        else top.depth = Math.max(top.depth, depths[part]! + 1);
      }
      if (open.length > LIMITS.nesting || (top.depth > LIMITS.nesting && open.length > 0))
        throw new BpfError('limit', whereIs(btf, first), `nested more than ${LIMITS.nesting} deep`);
    }
  }
}
