import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM files of an authority, a server on 127.0.0.1 and a client that it signed. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'bee-certificates-'));
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const fresh = (name: string): string[] => [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${name}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)],
  ];
  openssl(...fresh('authority'));
  const signed = (name: string): { cert: string; key: string } => {
    openssl(
      ...fresh(name),
      ...['-CA', path('authority.pem'), '-CAkey', path('authority.key')],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'],
    );
    return { cert: path(`${name}.pem`), key: path(`${name}.key`) };
  };
  return { ca: path('authority.pem'), server: signed('server'), client: signed('client') };
}
