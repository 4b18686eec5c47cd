import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseElf, parseObject } from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE, stripDebug } from '../../support/c-source.js';
import { expectBpfError } from './bpf-error.js';
import { execs } from './fixtures.js';

function changed(offset: number, bytes: readonly number[]): Uint8Array {
  const copy = execs.slice();
  copy.set(bytes, offset);
  return copy;
}

describe('parseElf', () => {
  it('gives sections and symbols', () => {
    const elf = parseElf(execs);
    const maps = elf.sections.find(({ name }) => name === '.maps');
    expect(maps).toMatchObject({ type: 1, size: 80 });
    expect(elf.symbols.filter(({ section }) => section === maps?.index)).toMatchObject([
      { name: 'print_execs', kind: 'object', local: false, value: 0, size: 24 },
      { name: 'counter_exec_events', value: 24, size: 24 },
      { name: 'counter_execs', value: 48, size: 32 },
    ]);
  });

  it('refuses what is no BPF object, by name', () => {
    expectBpfError(() => parseElf(new Uint8Array()), 'not-elf', /not an ELF file/);
    expectBpfError(() => parseElf(new TextEncoder().encode('{"no":"elf"}')), 'not-elf', /not an ELF file/);
    expectBpfError(
      () => parseElf(new Uint8Array(readFileSync(process.execPath))),
      'wrong-machine',
      /not for BPF/,
    );
    expectBpfError(() => parseElf(changed(4, [1])), 'wrong-class', /not a 64-bit/);
    expectBpfError(() => parseElf(changed(16, [3])), 'malformed-elf', /type 3, not a relocatable/);
  });

  it('refuses a big-endian object that clang made', () => {
    const bytes = compileBpf(`${PRELUDE}SEC("xdp") int f(void *c) { return 0; }`, ['-target', 'bpfeb']);
    expectBpfError(() => parseObject(bytes), 'big-endian', /big-endian object/);
  });

  it('refuses headers that lie', () => {
    const view = new DataView(execs.buffer, execs.byteOffset);
    const table = Number(view.getBigUint64(40, true));
    const header = (index: number) => table + index * 64;
    expectBpfError(
      () => parseElf(changed(40, [0, 0, 0, 0x7f])),
      'malformed-elf',
      /section headers|lie outside/,
    );
    expectBpfError(
      () => parseElf(changed(40, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
      'malformed-elf',
      /outside/,
    );
    expectBpfError(() => parseElf(changed(58, [40])), 'malformed-elf', /section headers of 40 bytes/);
    expectBpfError(() => parseElf(changed(60, [0xff, 0xff])), 'malformed-elf', /outside/);
    expectBpfError(() => parseElf(changed(60, [0, 0])), 'unsupported', /65279 sections/);
    expectBpfError(() => parseElf(changed(62, [200, 0])), 'malformed-elf', /section names in section 200/);
    expectBpfError(() => parseElf(changed(header(3), [0xff, 0xff])), 'malformed-elf', /name at 65535/);
    expectBpfError(
      () => parseElf(changed(header(3) + 24, [0xff, 0xff, 0xff])),
      'malformed-elf',
      /section 3: its bytes/,
    );
    expectBpfError(
      () => parseElf(changed(header(6) + 24, [0, 0, 0, 0, 0, 0, 0, 0x80])),
      'malformed-elf',
      /section 6: its bytes/,
    );
    const whole = [0, 0, 0, 0, 0, 0, 0, 0, execs.length & 255, execs.length >> 8];
    expectBpfError(() => parseElf(changed(header(6) + 24, whole)), 'malformed-elf', /sections overlap/);
  });

  it('reads what other tools have written again', () => {
    // llvm-strip reorders sections and drops DWARF: the road that BumbleBee's images took.
    const bytes = compileBpf(`${PRELUDE}const volatile u32 p = 7; SEC("xdp") int f(void *c) { return p; }`);
    const stripped = stripDebug(bytes);
    expect(stripped.length).toBeLessThan(bytes.length);
    expect(parseObject(stripped)).toEqual(parseObject(bytes));
  });
});
