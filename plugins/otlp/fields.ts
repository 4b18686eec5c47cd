import type { Column } from '../sdk/index.js';

/** What the columns of a batch are of: the record, as the kernel's type has it. */
export type Field = Leaf | Struct | List;

export interface Leaf {
  readonly kind: 'leaf';
  readonly column: Column;
}

export interface Struct {
  readonly kind: 'struct';
  readonly fields: Map<string, Field>;
}

/** An array of always so many elements. */
export interface List {
  readonly kind: 'list';
  readonly length: number;
  element: Field;
}

/** The fields of a record, in its order. */
export function fieldsOf(columns: readonly Column[]): Struct['fields'] {
  let root: Field = { kind: 'struct', fields: new Map() };
  for (const column of columns) root = insert(root, column, 0, 0);
  return root.kind === 'struct' ? root.fields : new Map([['value', root]]);
}

/** `at`: how many names of the column's path have been followed, `dim`: through how many arrays. */
function insert(field: Field | undefined, column: Column, at: number, dim: number): Field {
  const name = column.path[at];
  if (name === undefined) return { kind: 'leaf', column };
  if (name === '[]') {
    const within = field?.kind === 'list' ? field.element : undefined;
    return { kind: 'list', length: column.dims[dim] ?? 0, element: insert(within, column, at + 1, dim + 1) };
  }
  const struct: Struct = field?.kind === 'struct' ? field : { kind: 'struct', fields: new Map() };
  struct.fields.set(name, insert(struct.fields.get(name), column, at + 1, dim));
  return struct;
}
