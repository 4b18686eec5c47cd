export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string };

/** `host:port`, `[::1]:port`, `:port` (every interface), `unix:/path`. Undefined when it is none of these. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return path !== '' && !path.includes('\0') && Buffer.byteLength(path) <= 107
      ? { kind: 'unix', path, text }
      : undefined;
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  return match && port <= 65_535 ? { kind: 'tcp', host: match[1] ?? match[2] ?? '', port, text } : undefined;
}
