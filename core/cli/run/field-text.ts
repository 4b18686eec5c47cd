import { stringifyExact } from './exact-json.js';

/** `addr.port` of an event's data as text, as its JSON has it; empty where there is none. */
export function fieldText(data: unknown, field: string): string {
  let value = data;
  for (const name of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return '';
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'object' ? stringifyExact(value) : String(value);
}
