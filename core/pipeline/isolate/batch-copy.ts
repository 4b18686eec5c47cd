import type { Accepts, EventBatchData } from '../../../plugins/sdk/index.js';

/** A batch with the forms that the sink declared, and no others: what crosses to a worker is copied. */
export function forWorker(data: EventBatchData, accepts: Accepts): EventBatchData {
  const { ndjson, lineEnds, columns, ...rest } = data;
  const forms = accepts.events || [];
  return {
    ...rest,
    ...(forms.includes('ndjson') && ndjson && lineEnds
      ? { ndjson: own(ndjson), lineEnds: own(lineEnds) }
      : {}),
    ...((forms.includes('columns') || forms.includes('rows')) && columns ? { columns } : {}),
  };
}

/** Cloning a view clones the whole buffer below it, which may be far bigger. */
function own<T extends Uint8Array | Uint32Array>(view: T): T {
  return view.byteLength * 2 < view.buffer.byteLength ? (view.slice() as T) : view;
}
