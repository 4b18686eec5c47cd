/** Builds `.BTF` content by hand, so that tests can say what no compiler would. Ids count from 1 as in BTF. */
export class BtfBuilder {
  private readonly types: number[][] = [];
  private strings = '\0';

  /** A type of any kind: `info` is vlen and kind_flag; `words` is what follows its twelve bytes. */
  add(
    kind: number,
    name: string,
    info: { vlen?: number; flag?: boolean },
    sizeOrType: number,
    words: readonly number[] = [],
  ): number {
    const vlen = info.vlen ?? 0;
    const head = (kind * 2 ** 24 + vlen + (info.flag ? 2 ** 31 : 0)) >>> 0;
    this.types.push([this.string(name), head, sizeOrType, ...words]);
    return this.types.length;
  }

  int(name: string, size: number, encoding = 0, bits = size * 8, bitOffset = 0): number {
    return this.add(1, name, {}, size, [encoding * 2 ** 24 + bitOffset * 2 ** 16 + bits]);
  }

  pointer(type: number): number {
    return this.add(2, '', {}, type);
  }

  array(type: number, length: number): number {
    return this.add(3, '', {}, 0, [type, type, length]);
  }

  struct(
    name: string,
    size: number,
    members: readonly (readonly [name: string, type: number, offset: number])[],
    flag = false,
  ): number {
    const words = members.flatMap(([member, type, offset]) => [this.string(member), type, offset]);
    return this.add(4, name, { vlen: members.length, flag }, size, words);
  }

  typedef(name: string, type: number): number {
    return this.add(8, name, {}, type);
  }

  enumeration(name: string, size: number, values: Readonly<Record<string, number>>, flag = false): number {
    const words = Object.entries(values).flatMap(([value, number]) => [this.string(value), number >>> 0]);
    return this.add(6, name, { vlen: words.length / 2, flag }, size, words);
  }

  string(text: string): number {
    if (text === '') return 0;
    const offset = this.strings.length;
    this.strings += `${text}\0`;
    return offset;
  }

  build(): Uint8Array {
    const words = this.types.flat();
    const strings = new TextEncoder().encode(this.strings);
    const bytes = new Uint8Array(24 + words.length * 4 + strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    for (const [i, word] of [24, 0, words.length * 4, words.length * 4, strings.length].entries()) {
      view.setUint32(4 + i * 4, word, true);
    }
    for (const [i, word] of words.entries()) view.setUint32(24 + i * 4, word, true);
    bytes.set(strings, 24 + words.length * 4);
    return bytes;
  }
}
