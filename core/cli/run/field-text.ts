/** `addr.port` of an event's data as text, as its JSON has it; empty where there is none. */
export function fieldText(data: unknown, field: string): string {
  let value = data;
  for (const name of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return '';
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'object' ? JSON.stringify(value, plainNumber) : String(value);
}

function plainNumber(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
