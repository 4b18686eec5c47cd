import type { SinkLog } from '../../../plugins/sdk/index.js';
import { suggest } from '../../decode/index.js';
import type { ShownFilters } from './map-flags.js';

/** Says once a map when `-f` names a field that its records do not have, since then none is shown. */
export class FilterCheck {
  private readonly seen = new Set<string>();

  constructor(
    private readonly filters: ShownFilters,
    private readonly log: SinkLog,
  ) {}

  /** `record`: any of the map's records, or the labels of any of its series; made only where it is wanted. */
  look(map: string, record: () => unknown): void {
    const filters = this.filters.get(map);
    if (!filters || this.seen.has(map)) return;
    this.seen.add(map);
    const names = fieldNames(record());
    for (const { field } of filters) {
      if (names.includes(field)) continue;
      this.log.warn(
        `--filter: ${map} has no field "${field}", so nothing of it is shown.${suggest(field, names)} It has: ${names.join(', ')}`,
      );
    }
  }
}

/** `addr`, `addr.port`: whatever a filter can name. */
function fieldNames(data: unknown, prefix = ''): string[] {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return [];
  return Object.entries(data).flatMap(([name, value]) => [
    `${prefix}${name}`,
    ...fieldNames(value, `${prefix}${name}.`),
  ]);
}
