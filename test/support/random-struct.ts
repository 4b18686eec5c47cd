import fc from 'fast-check';

/** A random C struct, as source, and the scalars in it that C can be asked for. */
export interface RandomStruct {
  /** From brace to attribute: `{ int m0; … } __attribute__((packed))`. `prefix` begins the name of each member. */
  body(prefix: string): string;
  leaves(prefix: string): RandomLeaf[];
}

export interface RandomLeaf {
  /** C expression below the struct: `m0.m1[2]`. */
  readonly access: string;
  readonly path: readonly string[];
  readonly show: 'signed' | 'unsigned' | 'wide' | 'float' | 'double' | 'bool' | 'bytes' | 'pointer';
}

/** Declarations that the random structs use; valid for both compilers. */
export const RANDOM_TYPES = `
typedef unsigned long long t_u64; typedef const volatile short t_cvs16; typedef t_u64 t_twice;
enum e_signed { S_A = -3, S_B = 0, S_C = 70000 };
enum e_plain { P_A, P_B = 9, P_C = 200 };
enum __attribute__((packed)) e_small { Q_A, Q_B = 5 };
enum __attribute__((packed)) e_negative { R_A = -2, R_B = 5 };
typedef enum e_plain t_enum; typedef char t_name[5]; typedef int t_matrix[2][3];
`;

const INTS: readonly [type: string, bits: number, signed: boolean][] = [
  ['char', 8, true],
  ['signed char', 8, true],
  ['unsigned char', 8, false],
  ['short', 16, true],
  ['unsigned short', 16, false],
  ['int', 32, true],
  ['unsigned int', 32, false],
  ['long long', 64, true],
  ['unsigned long', 64, false],
  ['t_u64', 64, false],
  ['t_twice', 64, false],
  ['t_cvs16', 16, true],
  ['enum e_signed', 32, true],
  ['enum e_plain', 32, false],
  ['t_enum', 32, false],
  ['enum e_small', 8, false],
  ['enum e_negative', 8, true],
];

type Member = { readonly declare: (name: string) => string; readonly leaves: (name: string) => RandomLeaf[] };

function leaf(name: string, show: RandomLeaf['show']): RandomLeaf[] {
  return [{ access: name, path: [name], show }];
}

function below(name: string, leaves: readonly RandomLeaf[]): RandomLeaf[] {
  return leaves.map((l) => ({ ...l, access: `${name}.${l.access}`, path: [name, ...l.path] }));
}

function elements(name: string, dims: readonly number[], of: (name: string) => RandomLeaf[]): RandomLeaf[] {
  if (dims.length === 0) return of(name);
  const [length = 0, ...rest] = dims;
  return Array.from({ length }, (_, i) => i).flatMap((i) =>
    elements(name, rest, of).map((l) => ({
      ...l,
      access: l.access.replace(name, `${name}[${i}]`),
      path: [l.path[0]!, String(i), ...l.path.slice(1)],
    })),
  );
}

const showInt = (signed: boolean): RandomLeaf['show'] => (signed ? 'signed' : 'unsigned');
const dimensions = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 0, maxLength: 3 });

const plain: fc.Arbitrary<Member> = fc
  .record({ int: fc.constantFrom(...INTS), dims: dimensions })
  // An array of char is a string, and is made below.
  .filter(({ int, dims }) => int[0] !== 'char' || dims.length === 0)
  .map(({ int: [type, , signed], dims }) => ({
    declare: (name) => `${type} ${name}${dims.map((n) => `[${n}]`).join('')};`,
    leaves: (name) => elements(name, dims, (n) => leaf(n, showInt(signed))),
  }));

const other: fc.Arbitrary<Member> = fc
  .constantFrom<[string, RandomLeaf['show'], string?]>(
    ['_Bool', 'bool'],
    ['float', 'float'],
    ['double', 'double'],
    ['unsigned __int128', 'wide'],
    ['void *', 'pointer'],
    ['const struct nowhere *', 'pointer'],
    ['char', 'bytes', '[7]'],
    ['const char', 'bytes', '[16]'],
    ['t_name', 'bytes'],
  )
  .map(([type, show, suffix = '']) => ({
    declare: (name) => `${type} ${name}${suffix};`,
    leaves: (name) => leaf(name, show),
  }));

const matrix: fc.Arbitrary<Member> = fc.constant({
  declare: (name) => `t_matrix ${name};`,
  leaves: (name) => elements(name, [2, 3], (n) => leaf(n, 'signed')),
});

const bitField: fc.Arbitrary<Member> = fc
  .record({ int: fc.constantFrom(...INTS), part: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ int: [type, bits, signed], part }) => {
    // An enum's bit field must hold its values; below, gcc and clang agree, but C says nothing.
    const least = type.includes('e_s') ? 20 : type.includes('enum') ? 8 : 1;
    const width = Math.min(bits, Math.max(least, Math.round(part * bits)));
    return {
      declare: (name) => `${type} ${name} : ${width};`,
      leaves: (name) => leaf(name, showInt(signed)),
    };
  });

const boolField: fc.Arbitrary<Member> = fc.constant({
  declare: (name) => `_Bool ${name} : 1;`,
  leaves: (name) => leaf(name, 'unsigned'),
});

const padding: fc.Arbitrary<Member> = fc
  .constantFrom('int : 3;', 'unsigned char : 0;', 'long long : 0;')
  .map((text) => ({
    declare: () => text,
    leaves: () => [],
  }));

/** Structs nest `depth` deep: members of their own, arrays of them, and anonymous ones. */
export function randomStruct(depth = 3): fc.Arbitrary<RandomStruct> {
  const nested: fc.Arbitrary<Member>[] = [];
  if (depth > 0) {
    nested.push(
      fc
        .record({ inner: randomStruct(depth - 1), dims: dimensions, word: word() })
        .map(({ inner, dims, word: w }) => ({
          declare: (name) => `${w} ${inner.body('')} ${name}${dims.map((n) => `[${n}]`).join('')};`,
          leaves: (name) => elements(name, dims, (n) => below(n, inner.leaves(''))),
        })),
      // Anonymous: its members stand beside its parent's, so their names begin with the name it does not have.
      fc.record({ inner: randomStruct(depth - 1), word: word() }).map(({ inner, word: w }) => ({
        declare: (name) => `${w} ${inner.body(name)};`,
        leaves: (name) => inner.leaves(name),
      })),
    );
  }
  return fc
    .record({
      members: fc.array(
        fc.oneof(plain, plain, other, bitField, bitField, boolField, padding, matrix, ...nested),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
      attribute: fc.constantFrom('', '', '__attribute__((packed))', '__attribute__((aligned(16)))'),
    })
    .map(({ members, attribute }) => ({
      body: (prefix) => `{ ${members.map((m, i) => m.declare(`${prefix}m${i}`)).join(' ')} } ${attribute}`,
      leaves: (prefix) => members.flatMap((m, i) => m.leaves(`${prefix}m${i}`)),
    }));
}

function word(): fc.Arbitrary<string> {
  return fc.constantFrom('struct', 'struct', 'union');
}
