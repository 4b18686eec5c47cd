import type { EventBatchData } from '../../plugins/sdk/index.js';
import type { Outlet } from '../pipeline/index.js';

/** Which outlets the events of a probe go to. */
export class Router {
  private readonly routes = new Map<string, readonly Outlet[]>();

  set(probe: string, outlets: readonly Outlet[]): void {
    this.routes.set(
      probe,
      outlets.filter((outlet) => outlet.accepts.events && outlet.accepts.events.length > 0),
    );
  }

  route(batch: EventBatchData): void {
    for (const outlet of this.routes.get(batch.probe) ?? []) outlet.offer(batch);
  }

  /** Forms that the sinks of a probe want, together. */
  forms(probe: string): { ndjson: boolean; columns: boolean } {
    const wanted = new Set((this.routes.get(probe) ?? []).flatMap((outlet) => outlet.accepts.events || []));
    return { ndjson: wanted.has('ndjson'), columns: wanted.has('columns') || wanted.has('rows') };
  }
}
