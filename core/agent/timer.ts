/** The longest that Node's timers wait: a longer one ends after 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** Call `done` in `ms`, however long that is; the result cancels it. */
export function later(ms: number, done: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const now = Math.min(left, LONGEST_MS);
    timer = setTimeout(() => (left > now ? wait(left - now) : done()), now);
  };
  wait(ms);
  return () => clearTimeout(timer);
}
