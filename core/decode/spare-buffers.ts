import type { DecodeOutput, Spares } from './plan.js';

/** Buffers kept for the next drains, and the largest that is. */
const SPARES = 2;
const SPARE_BYTES = 16 << 20;

/**
 * Buffers of one ring's batches that were dealt with. New ones would cost V8 a collection of everything each time that
 * tens of MiB were made.
 */
export class SpareBuffers {
  private lines: ArrayBuffer[] = [];
  private columns: ArrayBuffer[] = [];
  private groups: ArrayBuffer[] = [];

  /** They are the drain's from now on. */
  take(): Spares {
    return {
      lines: this.lines.pop() ?? null,
      columns: this.columns.pop() ?? null,
      groups: this.groups.pop() ?? null,
    };
  }

  /** What nobody looks at any more. */
  keep({ ndjson, columns, groups }: Pick<DecodeOutput, 'ndjson' | 'columns' | 'groups'>): void {
    if (ndjson) keep(this.lines, ndjson.buffer as ArrayBuffer);
    if (columns) keep(this.columns, columns.timestamps.buffer as ArrayBuffer);
    if (groups) keep(this.groups, groups.ids.buffer as ArrayBuffer);
  }

  clear(): void {
    this.lines = [];
    this.columns = [];
    this.groups = [];
  }
}

function keep(spares: ArrayBuffer[], buffer: ArrayBuffer): void {
  if (spares.length < SPARES && buffer.byteLength > 0 && buffer.byteLength <= SPARE_BYTES)
    spares.push(buffer);
}
