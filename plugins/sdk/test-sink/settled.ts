/** How a call ended. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

export async function settle<T>(call: () => Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await call() };
  } catch (error) {
    return { error };
  }
}

/** What a call is that has not ended in time. */
export const LATE = Symbol('late');

export async function within<T>(call: () => Promise<T>, ms: number): Promise<Settled<T> | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), ms);
  });
  return Promise.race([settle(call), late]).finally(() => clearTimeout(timer));
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
