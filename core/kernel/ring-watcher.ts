import type { NativePoller } from '../../native/addon.js';
import { addon, guarded } from './addon.js';

export interface RingWatcherOptions {
  /** ms between the slow looks. Default 250. */
  readonly interval?: number;
}

/**
 * Says when rings have something to read: one epoll thread for all of them, which also looks slowly at their
 * positions, for records that were submitted without a wake-up. While nothing happens, this thread is never woken.
 * A report disarms its ring until {@link arm}. Keeps no event loop alive.
 */
export class RingWatcher {
  private readonly poller: NativePoller;
  private readonly rings = new Map<number, () => void>();
  private nextId = 1;

  constructor({ interval = 250 }: RingWatcherOptions = {}) {
    this.poller = guarded(() =>
      addon().createPoller(
        (ids) => {
          for (const id of ids) this.rings.get(id)?.();
        },
        { interval },
      ),
    );
  }

  /** A number that no ring had or will have: descriptors are reused, ids are not. */
  newId(): number {
    return this.nextId++;
  }

  /** Watch a ring, armed from the start. Duplicates `fd`. `onReady` must not throw. */
  add(fd: number, onReady: () => void): number {
    const id = this.newId();
    guarded(() => this.poller.add(id, fd));
    this.rings.set(id, onReady);
    return id;
  }

  /** Report once more: at once, when the ring has unreleased records now. Of a ring that was removed: nothing. */
  arm(id: number): void {
    if (this.rings.has(id)) guarded(() => this.poller.arm(id));
  }

  /**
   * Report once more when the ring has `fill` unreleased bytes, or when `longest` ms have passed, records or none:
   * many records then share one report, and a sudden burst does not find this asleep.
   */
  nap(id: number, longest: number, fill: number): void {
    if (this.rings.has(id)) guarded(() => this.poller.nap(id, longest, fill));
  }

  /** After this, `onReady` of `id` is not called any more. */
  remove(id: number): void {
    if (this.rings.delete(id)) guarded(() => this.poller.remove(id));
  }

  /** Ends the thread. Idempotent. */
  close(): void {
    this.rings.clear();
    this.poller.close();
  }
}
