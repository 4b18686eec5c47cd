import { type Elf, SHF, SHT } from './elf.js';

/** What an object's instructions use, as far as bytes tell: nothing is followed or executed. */
export interface CodeUse {
  /** Numbers of the helpers that are called (`enum bpf_func_id`). */
  readonly helpers: ReadonlySet<number>;
  /** A jump back, in any function: a loop, which the verifier takes since Linux 5.3. */
  readonly loops: boolean;
  /** An atomic operation other than a plain add: one that fetches, exchanges or compares. */
  readonly fetchingAtomics: boolean;
}

// Instruction set: Documentation/bpf/standardization/instruction-set.rst.
const INSTRUCTION = 8;
const LDDW = 0x18;
const CALL = 0x85;
const EXIT = 0x95;
const CLASS_JMP = 0x05;
const CLASS_JMP32 = 0x06;
const ATOMIC_W = 0xc3;
const ATOMIC_DW = 0xdb;
const ATOMIC_ADD = 0;

/** Read every executable section. A trailing half instruction is passed over. */
export function codeUse(elf: Elf): CodeUse {
  const helpers = new Set<number>();
  let loops = false;
  let fetchingAtomics = false;
  for (const { type, flags, data } of elf.sections) {
    if (type !== SHT.PROGBITS || (flags & SHF.EXECINSTR) === 0) continue;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at + INSTRUCTION <= data.length; at += INSTRUCTION) {
      const opcode = view.getUint8(at);
      const source = view.getUint8(at + 1) >> 4;
      const offset = view.getInt16(at + 2, true);
      const immediate = view.getInt32(at + 4, true);
      const kind = opcode & 0x07;
      if (opcode === LDDW) at += INSTRUCTION;
      else if (opcode === CALL) {
        if (source === 0 && immediate > 0) helpers.add(immediate);
      } else if (opcode === ATOMIC_W || opcode === ATOMIC_DW) fetchingAtomics ||= immediate !== ATOMIC_ADD;
      else if ((kind === CLASS_JMP || kind === CLASS_JMP32) && opcode !== EXIT) loops ||= offset < 0;
    }
  }
  return { helpers, loops, fetchingAtomics };
}
