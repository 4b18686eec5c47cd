/** How V8 and C++ begin to tell of their end. What follows are native stack frames, which help nobody. */
const DUMP =
  /^(<--- (Last few GCs|JS stacktrace) --->|FATAL ERROR: |#\s*$|# Fatal |Fatal (process|JavaScript) |terminate called |-+ (Native|JavaScript) stack trace -+)/;
const OUT_OF_MEMORY = /out of memory|std::bad_alloc|OOM error/i;
/** One that has begun to tell of its end and is alive after this was only printing. */
const PATIENCE_MS = 5_000;
const MOST_LINES = 100;

/** Listens to what a process writes to its standard error for why it dies. */
export class LastWords {
  private held: string[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** `use`: for every line that is no part of a dump. */
  constructor(private readonly use: (line: string) => void) {}

  hear(line: string): void {
    if (this.held.length === 0 && !DUMP.test(line)) {
      this.use(line);
      return;
    }
    if (this.held.length < MOST_LINES) this.held.push(line);
    this.timer ??= setTimeout(() => this.release(), PATIENCE_MS).unref();
  }

  private release(): void {
    this.timer = undefined;
    for (const line of this.held.splice(0)) this.use(line);
  }

  /** Of a process that is gone: whether it ran out of memory, and what it said. */
  cause(): { readonly outOfMemory: boolean; readonly words?: string } {
    clearTimeout(this.timer);
    const words = this.held.find((line) => /^(FATAL ERROR|# Fatal|Fatal|terminate called)/.test(line));
    return {
      outOfMemory: this.held.some((line) => OUT_OF_MEMORY.test(line)),
      ...(words === undefined ? {} : { words }),
    };
  }
}
