/** `a.b[0].c` or `a.b.0.c` as its names; undefined when it is no path. */
export function parsePath(text: string): string[] | undefined {
  if (text.length > 1024) return undefined;
  const names: string[] = [];
  const step = /\.?([^.[\]]+)|\[(\d+)\]/y;
  while (step.lastIndex < text.length) {
    const at = step.lastIndex;
    const match = step.exec(text);
    const isFirst = names.length === 0;
    if (!match || (isFirst && match[2] !== undefined)) return undefined;
    if (match[1] !== undefined && isFirst === (text[at] === '.')) return undefined;
    names.push(match[1] ?? match[2]!);
  }
  return names.length > 0 ? names : undefined;
}

/** As users write it: `a.b[0].c`. */
export function formatPath(path: readonly string[]): string {
  return path.map((name, i) => (/^\d+$/.test(name) ? `[${name}]` : i > 0 ? `.${name}` : name)).join('');
}
