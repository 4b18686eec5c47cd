import type { NativePoller } from '../../native/addon.js';
import { addon, guarded } from './addon.js';
import type { RingOwner } from './ring-owner.js';

interface Watched {
  readonly owner: RingOwner;
  readonly onReady: () => void;
  armed: boolean;
}

export interface RingWatcherOptions {
  /** ms between the slow looks. Default 250. */
  readonly interval?: number;
}

/**
 * Says when rings have something to read: one epoll thread for all of them, and a slow look at the positions for
 * records that were submitted without a wake-up. A report disarms its ring until {@link arm}. Keeps no event loop
 * alive.
 */
export class RingWatcher {
  private readonly poller: NativePoller;
  private readonly timer: NodeJS.Timeout;
  private readonly rings = new Map<number, Watched>();
  private nextId = 1;

  constructor({ interval = 250 }: RingWatcherOptions = {}) {
    this.poller = guarded(() =>
      addon().createPoller((ids) => {
        for (const id of ids) this.report(id);
      }),
    );
    this.timer = setInterval(() => this.look(), interval);
    this.timer.unref();
  }

  /** A number that no ring had or will have: descriptors are reused, ids are not. */
  newId(): number {
    return this.nextId++;
  }

  /** Watch a ring, armed from the start. `onReady` must not throw. */
  add(fd: number, owner: RingOwner, onReady: () => void): number {
    const id = this.newId();
    guarded(() => this.poller.add(id, fd));
    this.rings.set(id, { owner, onReady, armed: true });
    return id;
  }

  /** Report once more: at once, when the ring has unreleased records now. Of a ring that was removed: nothing. */
  arm(id: number): void {
    const ring = this.rings.get(id);
    if (!ring) return;
    ring.armed = true;
    guarded(() => this.poller.arm(id));
  }

  /** After this, `onReady` of `id` is not called any more. Before the ring's owner is closed. */
  remove(id: number): void {
    if (this.rings.delete(id)) guarded(() => this.poller.remove(id));
  }

  /** Ends the thread. Idempotent. */
  close(): void {
    clearInterval(this.timer);
    this.rings.clear();
    this.poller.close();
  }

  private report(id: number): void {
    const ring = this.rings.get(id);
    if (!ring?.armed) return;
    ring.armed = false;
    ring.onReady();
  }

  private look(): void {
    for (const [id, ring] of this.rings) {
      if (!ring.armed) continue;
      const { consumer, producer } = ring.owner.positions();
      if (producer !== consumer) this.report(id);
    }
  }
}
