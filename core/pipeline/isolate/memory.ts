import { Session } from 'node:inspector';
import { getHeapStatistics } from 'node:v8';
import { BUFFER_LIMIT, type Exhausted, HEAP_LIMIT } from './messages.js';

const LOOK_MS = 250;

/**
 * Looks at the memory of the thread that it is made in, and tells once when there is more than a sink may have. V8's
 * own limit on a heap is no substitute: where one array or set outgrows it, V8 ends the whole process
 * (nodejs/node#47224). So that limit is high enough for any one of them, and this one is met before.
 */
export class MemoryWatch {
  private readonly inspector = new Session();
  private collecting = false;
  private told = false;

  constructor(private readonly tell: (what: Exhausted) => void) {
    this.inspector.connect();
    setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** To be called after each answer, too, as what a batch holds came with it. */
  look(): void {
    if (this.told) return;
    if (excess() !== undefined) this.collect();
  }

  /** With so much room, V8 keeps garbage for long: only what is left without it counts. */
  private collect(): void {
    if (this.collecting) return;
    this.collecting = true;
    this.inspector.post('HeapProfiler.collectGarbage', () => {
      this.collecting = false;
      const what = excess();
      if (what !== undefined) this.exhausted(what);
    });
  }

  private exhausted(what: Exhausted): void {
    this.told = true;
    this.tell(what);
  }
}

/** Of what there is too much, garbage included. */
function excess(): Exhausted | undefined {
  const { external_memory, used_heap_size } = getHeapStatistics();
  if (external_memory > BUFFER_LIMIT) return 'buffers';
  return used_heap_size > HEAP_LIMIT ? 'heap' : undefined;
}
