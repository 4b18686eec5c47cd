/** Where a scalar lies in the record under the generated code's eyes, as source text. */
export class Place {
  /** `steps`: loop variables of the arrays around it, and their strides. */
  constructor(
    readonly offset = 0,
    private readonly steps: readonly { readonly variable: string; readonly stride: number }[] = [],
  ) {}

  plus(bytes: number): Place {
    return new Place(this.offset + bytes, this.steps);
  }

  element(variable: string, stride: number): Place {
    return new Place(this.offset, [...this.steps, { variable, stride }]);
  }

  /** Whether it is a multiple of `bytes` in memory, given that records are at multiples of 8. */
  isAligned(bytes: 1 | 2 | 4 | 8): boolean {
    return this.offset % bytes === 0 && this.steps.every(({ stride }) => stride % bytes === 0);
  }

  /** Its index in a view whose elements have this many bytes. */
  index(bytes: 1 | 2 | 4 | 8): string {
    const base = bytes === 1 ? 'o' : `o${bytes}`;
    const constant = this.offset === 0 ? '' : ` + ${this.offset / bytes}`;
    return (
      base +
      constant +
      this.steps.map(({ variable, stride }) => ` + ${variable} * ${stride / bytes}`).join('')
    );
  }
}

/** Declares the views that {@link Place}s and `access.ts` name, over `memory`. Their lengths are rounded down. */
export const VIEWS = `
  const u8 = new Uint8Array(memory);
  const i8 = new Int8Array(memory);
  const u16 = new Uint16Array(memory, 0, memory.byteLength >>> 1);
  const i16 = new Int16Array(memory, 0, memory.byteLength >>> 1);
  const u32 = new Uint32Array(memory, 0, Math.floor(memory.byteLength / 4));
  const i32 = new Int32Array(memory, 0, Math.floor(memory.byteLength / 4));
  const f32 = new Float32Array(memory, 0, Math.floor(memory.byteLength / 4));
  const f64 = new Float64Array(memory, 0, Math.floor(memory.byteLength / 8));`;

/** The record at byte `o`: what {@link Place.index} starts from. */
export const BASES = 'const o2 = o >>> 1, o4 = o >>> 2, o8 = o >>> 3;';
