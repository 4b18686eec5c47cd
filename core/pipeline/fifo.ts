/** A queue whose ends are cheap, however long it is. */
export class Fifo<T> {
  private entries: (T | undefined)[] = [];
  /** Taken from the front of `entries`, which is cut when half of it is. */
  private taken = 0;

  get length(): number {
    return this.entries.length - this.taken;
  }

  get first(): T | undefined {
    return this.entries[this.taken];
  }

  push(entry: T): void {
    this.entries.push(entry);
  }

  /** The first entries, one at least, that together have no more than `most`. */
  upTo(most: number, sizeOf: (entry: T) => number): T[] {
    const first: T[] = [];
    let size = 0;
    for (let i = this.taken; i < this.entries.length; i++) {
      const entry = this.entries[i] as T;
      size += sizeOf(entry);
      if (first.length > 0 && size > most) break;
      first.push(entry);
    }
    return first;
  }

  /** Take those out for which `leaves` holds. */
  remove(leaves: (entry: T) => boolean): T[] {
    const all = this.entries.slice(this.taken) as T[];
    this.entries = all.filter((entry) => !leaves(entry));
    this.taken = 0;
    return all.filter(leaves);
  }

  /** Take the one out that has `index` others before it. */
  removeAt(index: number): T | undefined {
    return index === 0 ? this.shift() : this.entries.splice(this.taken + index, 1)[0];
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const first = this.entries[this.taken];
    this.entries[this.taken++] = undefined;
    if (this.taken * 2 >= this.entries.length) {
      this.entries = this.entries.slice(this.taken);
      this.taken = 0;
    }
    return first;
  }
}
