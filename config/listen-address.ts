import type { ListenAddress } from './config.js';

/** Bytes of a socket's path that the kernel takes (`sun_path`, with its NUL). */
const UNIX_PATH_MAX = 107;

/**
 * `host:port`, `[::1]:port`, `:port` (every interface, as in Go: host is then empty), `unix:/path`.
 * Port 0 lets the kernel choose. Undefined when it is none of these.
 */
export function parseListen(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return path === '' || path.includes('\0') || Buffer.byteLength(path) > UNIX_PATH_MAX
      ? undefined
      : { kind: 'unix', path };
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { kind: 'tcp', host: match[1] ?? match[2] ?? '', port };
}
