import { BpfError, type BpfErrorCode } from './error.js';
import { LIMITS } from './limits.js';

const decoder = new TextDecoder('utf-8');

/** NUL-terminated names, decoded when they are asked for and only once. */
export class StringTable {
  private readonly decoded = new Map<number, string>();
  private budget: number;

  constructor(
    readonly bytes: Uint8Array,
    private readonly where: string,
    private readonly code: BpfErrorCode,
  ) {
    this.budget = bytes.length + LIMITS.namesBytes;
  }

  at(offset: number): string {
    if (offset === 0 && this.bytes.length === 0) return '';
    const known = this.decoded.get(offset);
    if (known !== undefined) return known;
    if (offset >= this.bytes.length) {
      throw new BpfError(
        this.code,
        this.where,
        `name at ${offset} lies outside its ${this.bytes.length} bytes`,
      );
    }
    const end = this.bytes.indexOf(0, offset);
    if (end < 0) throw new BpfError(this.code, this.where, `name at ${offset} has no NUL`);
    if (end - offset > LIMITS.nameBytes) {
      throw new BpfError('limit', this.where, `name at ${offset} is longer than ${LIMITS.nameBytes} bytes`);
    }
    this.budget -= end - offset;
    if (this.budget < 0) throw new BpfError('limit', this.where, 'its names overlap too much');
    const name = decoder.decode(this.bytes.subarray(offset, end));
    this.decoded.set(offset, name);
    return name;
  }

  /** Whether the name at `offset` is `encoded` (UTF-8, without NUL). Decodes nothing. */
  matches(offset: number, encoded: Uint8Array): boolean {
    if (offset + encoded.length >= this.bytes.length) return false;
    for (let i = 0; i < encoded.length; i++) {
      if (this.bytes[offset + i] !== encoded[i]) return false;
    }
    return this.bytes[offset + encoded.length] === 0;
  }
}
