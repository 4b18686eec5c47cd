/** Points or events after which an encoder lets the event loop turn: a few milliseconds' work. */
export const STRIDE = 2048;

/** Let the event loop turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
