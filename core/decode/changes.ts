import type { Decoder } from './compile.js';
import type { ClockOffsets, RecordSet } from './plan.js';

/**
 * Which entries of a map are new or changed since the last read. Entries are compared as they render: bytes
 * behind a string's NUL and padding are no change. Memory: the raw and the rendered text of one snapshot.
 */
export class ChangeFilter {
  /** Raw bytes of an entry → its rendered line without the timestamp. */
  private last = new Map<string, string>();
  private next = this.last;

  /** The entries of a new snapshot that are worth an event. It is forgotten unless {@link keep} follows. */
  changed(entries: RecordSet, renderer: Decoder, clock: ClockOffsets, time: bigint): RecordSet {
    const bytes = Buffer.from(entries.memory as ArrayBuffer);
    const next = new Map<string, string>();
    const unseen: number[] = [];
    const raws: string[] = [];
    for (let i = 0; i < entries.count; i++) {
      const start = entries.offsets[i]!;
      const raw = bytes.toString('latin1', start, start + entries.lengths[i]!);
      const known = this.last.get(raw);
      if (known === undefined) {
        unseen.push(i);
        raws.push(raw);
      } else next.set(raw, known);
    }
    const changed: number[] = [];
    if (unseen.length > 0) {
      const rendered = new Set(this.last.values());
      for (const [n, i] of unseen.entries()) {
        const line = renderLine(renderer, pick(entries, [i]), clock, time);
        if (line === undefined) continue;
        if (!rendered.has(line)) changed.push(i);
        rendered.add(line);
        next.set(raws[n]!, line);
      }
    }
    this.next = next;
    return pick(entries, changed);
  }

  /** The last snapshot's changes were decoded: they are known now. */
  keep(): void {
    this.last = this.next;
  }
}

/** The line from its `data` on; undefined when the filter rejects it. */
function renderLine(
  renderer: Decoder,
  entry: RecordSet,
  clock: ClockOffsets,
  time: bigint,
): string | undefined {
  const { ndjson, events } = renderer.decode(entry, clock, time);
  if (!ndjson || events === 0) return undefined;
  const line = Buffer.from(ndjson.buffer, ndjson.byteOffset, ndjson.byteLength).toString();
  return line.slice(line.indexOf('"data":'));
}

function pick(records: RecordSet, indices: readonly number[]): RecordSet {
  return {
    memory: records.memory,
    offsets: Uint32Array.from(indices, (i) => records.offsets[i]!),
    lengths: Uint32Array.from(indices, (i) => records.lengths[i]!),
    count: indices.length,
  };
}
