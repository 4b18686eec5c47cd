/** Labels in exposition syntax, escaped, without braces: `probe="x",comm="sh"`. */
export function labelText(labels: readonly (readonly [name: string, value: string])[]): string {
  return labels
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`)
    .join(',');
}
