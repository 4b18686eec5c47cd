/** The last `limit` rows, oldest first. What is pushed out is gone. */
export class RowRing<T> {
  private readonly slots: T[] = [];
  private first = 0;

  constructor(readonly limit: number) {}

  get length(): number {
    return this.slots.length;
  }

  push(row: T): void {
    if (this.slots.length < this.limit) {
      this.slots.push(row);
      return;
    }
    this.slots[this.first] = row;
    this.first = (this.first + 1) % this.limit;
  }

  /** Undefined outside of 0 … length − 1. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.slots.length) return undefined;
    return this.slots[(this.first + index) % this.slots.length];
  }

  toArray(): T[] {
    return [...this.slots.slice(this.first), ...this.slots.slice(0, this.first)];
  }
}
