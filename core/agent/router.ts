import type { EventBatchData } from '../../plugins/sdk/index.js';
import type { Outlet } from '../pipeline/index.js';
import { type EventForms, eventForms } from './plan/event-forms.js';

/** Which outlets the events of a probe go to. */
export class Router {
  private readonly routes = new Map<string, readonly Outlet[]>();

  set(probe: string, outlets: readonly Outlet[]): void {
    this.routes.set(
      probe,
      outlets.filter((outlet) => outlet.accepts.events && outlet.accepts.events.length > 0),
    );
  }

  /** `reuse` is called when every sink has the batch and none keeps it; not, when one may. */
  route(batch: EventBatchData, reuse?: () => void): void {
    const outlets = this.routes.get(batch.probe) ?? [];
    let waiting = outlets.length;
    const onDelivered = (): void => {
      waiting--;
      if (waiting === 0) reuse?.();
    };
    const isLent = reuse !== undefined && outlets.every((outlet) => outlet.letsGo);
    for (const outlet of outlets) outlet.offer(batch, isLent ? onDelivered : undefined);
  }

  /** Undefined while every sink of the probe has room; else resolves when one that had none has: then ask again. */
  room(probe: string): Promise<void> | undefined {
    for (const outlet of this.routes.get(probe) ?? []) {
      const room = outlet.room();
      if (room) return room;
    }
    return undefined;
  }

  /** Forms that the sinks of a probe want, together. */
  forms(probe: string): EventForms {
    return eventForms((this.routes.get(probe) ?? []).map((outlet) => outlet.accepts));
  }
}
