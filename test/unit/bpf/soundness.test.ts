import { describe, expect, it } from 'vitest';
import { draftOf, writeElf } from '../../../core/bpf/elf-writer.js';
import { checkSoundness, parseElf } from '../../../core/bpf/index.js';
import { expectBpfError } from './bpf-error.js';
import { BtfBuilder } from './btf-builder.js';
import { execs, legacy } from './fixtures.js';

/** `execs` with other BTF. */
function withBtf(build: (b: BtfBuilder) => void): Uint8Array {
  const builder = new BtfBuilder();
  build(builder);
  const elf = parseElf(execs);
  const drafts = elf.sections.map(draftOf);
  const changed = drafts.map((draft) =>
    draft.name === '.BTF' ? { ...draft, data: builder.build() } : draft,
  );
  return writeElf(elf, changed, elf.namesIndex);
}

describe('what libbpf takes on trust', () => {
  it('is sound in what clang made', () => {
    checkSoundness(execs);
    checkSoundness(legacy);
  });

  it('may be self-referential through pointers, and deep', () => {
    checkSoundness(
      withBtf((b) => {
        b.struct('list', 8, [['next', 2, 0]]);
        b.pointer(1);
        let id = b.int('int', 4);
        for (let i = 0; i < 200; i++) id = b.typedef(`t${i}`, id);
      }),
    );
  });

  it.each<[string, Parameters<typeof expectBpfError>[1], RegExp, (b: BtfBuilder) => void]>([
    ['a pointer to nowhere', 'malformed-btf', /type 1.*refers to type 77/, (b) => b.pointer(77)],
    ['an array of nothing known', 'malformed-btf', /refers to type 9/, (b) => b.array(9, 2)],
    ['a member of no type', 'malformed-btf', /refers to type 5/, (b) => b.struct('s', 4, [['a', 5, 0]])],
    [
      'a parameter of no type',
      'malformed-btf',
      /refers to type 8/,
      (b) => b.add(13, '', { vlen: 1 }, 0, [0, 8]),
    ],
    ['a name that is none', 'malformed-btf', /name at 4096 lies outside/, (b) => b.add(9, '', {}, 0, [])],
    [
      'a function that is an int',
      'malformed-btf',
      /whose type is a int/,
      (b) => b.add(12, 'f', {}, b.int('int', 4)),
    ],
    [
      'a section of types',
      'malformed-btf',
      /puts a int into a section/,
      (b) => b.add(15, '.bss', { vlen: 1 }, 4, [b.int('int', 4), 0, 4]),
    ],
    [
      'typedefs in a circle',
      'cyclic-type',
      /contains itself/,
      (b) => {
        b.typedef('a', 2);
        b.typedef('b', 1);
      },
    ],
    [
      'a struct of itself',
      'cyclic-type',
      /\(s\): it contains itself/,
      (b) => b.struct('s', 4, [['a', 1, 0]]),
    ],
    [
      'arrays of arrays without end',
      'limit',
      /nested more than 256 deep/,
      (b) => {
        let id = b.int('int', 4);
        for (let i = 0; i < 300; i++) id = b.array(id, 1);
      },
    ],
    [
      'the same, the deepest first',
      'limit',
      /nested more than 256 deep/,
      (b) => {
        for (let i = 0; i < 300; i++) b.array(i + 2, 1);
        b.int('int', 4);
      },
    ],
  ])('is refused: %s', (title, code, message, build) => {
    const bytes = withBtf(build);
    if (title === 'a name that is none') {
      const at = Buffer.from(bytes).indexOf(Buffer.from([0x9f, 0xeb, 1, 0]));
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at + 24, 4096, true);
    }
    expectBpfError(() => checkSoundness(bytes), code, message);
  });

  it('costs no more than its bytes: structs that double', () => {
    const bytes = withBtf((b) => {
      let id = b.int('int', 4);
      for (let i = 0; i < 200; i++) {
        id = b.struct('s', 4, [
          ['a', id, 0],
          ['b', id, 0],
        ]);
      }
    });
    checkSoundness(bytes);
    expect(bytes.length).toBeLessThan(20_000);
  });
});
