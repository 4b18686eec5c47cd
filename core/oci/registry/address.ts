import { BlockList, isIP } from 'node:net';

/** Docker's name for the registry, and the host that serves its API. */
const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_HOST = 'registry-1.docker.io';

/** Where the API of a registry is: `docker.io` is served elsewhere. */
export function apiHost(registry: string): string {
  return registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry;
}

/** The key under which Docker keeps the credentials of a registry. */
export function credentialKey(registry: string): string {
  return registry === DOCKER_HUB || registry === DOCKER_HUB_HOST || registry === 'index.docker.io'
    ? 'https://index.docker.io/v1/'
    : registry;
}

/** `localhost`, 127.0.0.0/8 and ::1, with or without a port: Docker speaks plain HTTP there. */
export function isLoopback(host: string): boolean {
  const name = bareAddress(host);
  return name === 'localhost' || name === '::1' || isIn(name, '127.0.0.0', 8, 'ipv4');
}

/**
 * Whatever leads to this machine by itself: {@link isLoopback}, the unspecified addresses (connect(2) takes them for
 * loopback), and names below `localhost` (RFC 6761, 6.3). Not a name that its DNS resolves to such an address.
 */
export function isThisMachine(host: string): boolean {
  const name = bareAddress(host).toLowerCase().replace(/\.$/, '');
  return isLoopback(name) || name.endsWith('.localhost') || name === '::' || isIn(name, '0.0.0.0', 8, 'ipv4');
}

/** 169.254.0.0/16 and fe80::/10. A cloud keeps a machine's own credentials at one of them. */
export function isLinkLocal(host: string): boolean {
  const name = bareAddress(host);
  return isIn(name, '169.254.0.0', 16, 'ipv4') || isIn(name, 'fe80::', 10, 'ipv6');
}

/** Without brackets and port; an IPv4 address that is dressed up as IPv6 (`::ffff:7f00:1`) as what it is. */
export function bareAddress(host: string): string {
  const name = host.replace(/(^[^:]*|\]):\d+$/, '$1').replace(/^\[|\]$/g, '');
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(name);
  if (!mapped) return name;
  const value = Number.parseInt(mapped[1]!, 16) * 0x10000 + Number.parseInt(mapped[2]!, 16);
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function isIn(name: string, network: string, prefix: number, family: 'ipv4' | 'ipv6'): boolean {
  if (isIP(name) !== (family === 'ipv4' ? 4 : 6)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return list.check(name, family);
}
