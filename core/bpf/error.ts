/**
 * - `not-elf` no ELF at all · `big-endian`, `wrong-machine`, `wrong-class` ELF, but not a 64-bit little-endian BPF object
 * - `malformed-elf`, `malformed-btf` headers, offsets, lengths or references that contradict the bytes
 * - `no-btf` a map or a record type is asked of an object without `.BTF`
 * - `cyclic-type` a type that contains itself by value, or a loop of typedefs
 * - `limit` well-formed, but larger than this package takes (see {@link LIMITS})
 * - `unsupported` well-formed, but of a form that is not understood; the message names it
 * - `unknown-type` no type of that name
 * - `bad-map` a map definition that libbpf would refuse
 * - `bad-value` a parameter's value does not fit its type
 */
export type BpfErrorCode =
  | 'not-elf'
  | 'big-endian'
  | 'wrong-machine'
  | 'wrong-class'
  | 'malformed-elf'
  | 'malformed-btf'
  | 'no-btf'
  | 'cyclic-type'
  | 'limit'
  | 'unsupported'
  | 'unknown-type'
  | 'bad-map'
  | 'bad-value';

/** The only error that this package throws, whatever the bytes. Its message begins with `where`. */
export class BpfError extends Error {
  override readonly name = 'BpfError';
  /** What the message is about: `section 7 (.BTF)`, `BTF type 12`, `map print_execs`, `parameter min_us`. */
  readonly where: string;

  constructor(
    readonly code: BpfErrorCode,
    where: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${where}: ${problem}`, options);
    this.where = where;
  }
}
