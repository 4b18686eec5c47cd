import { BlockList, isIP } from 'node:net';
import { bareAddress, isThisMachine } from './address.js';

type Covers = (host: string, port: number) => boolean;

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/**
 * Which hosts `NO_PROXY` takes from the proxy, as Go's tools and curl read it (golang.org/x/net/http/httpproxy): names
 * with all that is below them, addresses, networks (`10.0.0.0/8`), each but a network with a port if so wished, and `*`
 * for all; between them commas or blanks. Where the two differ, curl is followed: a dot in front of a name says nothing
 * (Go then takes what is below it only). What cannot be read covers nothing. This machine is always covered: its
 * registries are spoken to without TLS, and a proxy has another `localhost`.
 */
export class NoProxy {
  private readonly entries: readonly Covers[];

  constructor(list: string) {
    this.entries = list
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(entryOf);
  }

  covers({ protocol, hostname, port }: URL): boolean {
    if (isThisMachine(hostname)) return true;
    const host = bareAddress(hostname).toLowerCase();
    const number = port === '' ? (DEFAULT_PORTS[protocol] ?? 0) : Number(port);
    return this.entries.some((covers) => covers(host, number));
  }
}

function entryOf(text: string): Covers {
  if (text === '*') return () => true;
  const [, network, prefix] = /^(.+)\/(\d{1,3})$/.exec(text) ?? [];
  if (network !== undefined) return inNetwork(bareAddress(network), Number(prefix));
  const [, name = text, port] = /^(\[.+\]|[^:]+):(\d{1,5})$/.exec(text) ?? [];
  // A port that is none.
  if (port === undefined && name.includes(':') && isIP(name.replace(/^\[(.*)\]$/, '$1')) === 0)
    return () => false;
  const isNamed = named(bareAddress(name).toLowerCase());
  return (host, its) => isNamed(host, its) && (port === undefined || Number(port) === its);
}

function named(name: string): Covers {
  const family = isIP(name);
  if (family !== 0) return inNetwork(name, family === 4 ? 32 : 128);
  const domain = name.replace(/^\*?\.|\.$/g, '');
  return (host) => isIP(host) === 0 && `.${host.replace(/\.$/, '')}`.endsWith(`.${domain}`);
}

function inNetwork(address: string, prefix: number): Covers {
  const family = isIP(address);
  if (family === 0 || prefix > (family === 4 ? 32 : 128)) return () => false;
  const network = new BlockList();
  network.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return (host) => isIP(host) === family && network.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
